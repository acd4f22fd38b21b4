//! What the tests stand on: servers, users, sockets.

mod answer;
mod database;
mod server;
mod socket;
mod traffic;
mod user;

pub use answer::{Answer, named_fields};
pub use server::{JWT_SECRET, Options, TestServer};
pub use socket::{Socket, close_code};
pub use traffic::{direct_message, most_tokens_since, named_message, receivers_copy, strings, wait_as_told};
pub use user::{User, unique};
