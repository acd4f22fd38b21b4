//! What the tests stand on: servers, users, sockets.

mod database;
mod server;
mod socket;
mod user;

pub use server::{Options, TestServer};
pub use socket::{Socket, close_code};
pub use user::{User, unique};
