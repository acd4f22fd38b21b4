//! Postgres: the pool, and the SQL beside the function that runs it. Nothing outside of this module knows `tokio-postgres`.

mod cancel;
pub mod connect;
pub mod connections;
pub mod conversations;
mod database;
pub mod deliveries;
mod error;
pub mod feed;
pub mod gateway_lock;
pub mod groups;
pub mod history;
pub mod messages;
pub mod migrate;
pub mod presence;
mod pulse;
pub mod rate_limits;
mod sends;
mod session_lock;
pub mod sync;
mod trust;
pub mod typing;
pub mod users;
pub mod watermarks;

pub use database::{Database, DatabaseConfig, Statements};
pub use error::DbError;

use database::Parameter;
