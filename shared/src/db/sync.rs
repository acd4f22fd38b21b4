//! Whose turn it is to catch up.

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::rate_limits::milliseconds;
use super::{Database, DbError};
use crate::Error;
use crate::domain::{ConnectionId, UserId};
use crate::error::Quota;

/// Lets a connection catch up: one sync at a time, one a second.
///
/// # Errors
/// [`Error::UnknownConnection`], [`Error::RateLimited`], or what the database says.
pub async fn begin(db: &Database, connection: &ConnectionId) -> Result<UserId, Error> {
    let row = db
        .query_one("select * from begin_sync($1)", &[(&connection.as_str(), Type::TEXT)])
        .await?;
    if let Some(retry_after) = row.get("retry_after_ms") {
        return Err(Error::RateLimited(Quota::empty(1, milliseconds(retry_after))));
    }
    let user = row.get::<_, Option<Uuid>>("user_id");
    user.map(UserId::from).ok_or(Error::UnknownConnection)
}

/// The connection has caught up, or given up.
///
/// # Errors
/// [`DbError`] where the database does not answer: its next sync waits for 11 seconds then.
pub async fn end(db: &Database, connection: &ConnectionId) -> Result<(), DbError> {
    db.query("select end_sync($1)", &[(&connection.as_str(), Type::TEXT)])
        .await
        .map(drop)
}
