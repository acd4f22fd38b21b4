//! Postgres: the pool, and the SQL beside the function that runs it. Nothing outside of this module knows `tokio-postgres`.

mod cancel;
pub mod connect;
pub mod connections;
mod database;
pub mod deliveries;
mod error;
pub mod gateway_lock;
pub mod history;
pub mod messages;
pub mod migrate;
mod pulse;
pub mod rate_limits;
mod session_lock;
pub mod users;

pub use database::{Database, DatabaseConfig, Statements};
pub use error::DbError;
