//! The rows of open WebSocket connections.

use tokio_postgres::types::Type;

use super::{Database, DbError};
use crate::domain::{ConnectionId, UserId};

/// A connection of somebody, and whether the gateway was seen to deliver to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The gateway's name for it.
    pub id: ConnectionId,
    /// False until its `$connect` has answered and the gateway took a frame for it.
    pub open: bool,
}

/// Writes the row of a new connection. The answer holds the user's oldest connections beyond `limit`, whose rows are gone now;
/// `None` where there is no such user.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn open(
    db: &Database,
    connection: &ConnectionId,
    user: UserId,
    limit: u16,
) -> Result<Option<Vec<ConnectionId>>, DbError> {
    let row = db
        .query_one(
            "select open_connection($1, $2, $3) as pushed_out",
            &[
                (&connection.as_str(), Type::TEXT),
                (user.as_uuid(), Type::UUID),
                (&i32::from(limit), Type::INT4),
            ],
        )
        .await?;
    let pushed_out: Option<Vec<String>> = row.get("pushed_out");
    Ok(pushed_out.map(|ids| ids.into_iter().map(ConnectionId::new).collect()))
}

/// Whether the connection has a row.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn is_registered(db: &Database, connection: &ConnectionId) -> Result<bool, DbError> {
    let sql = "select id from connections where id = $1";
    let row = db.query_opt(sql, &[(&connection.as_str(), Type::TEXT)]).await?;
    Ok(row.is_some())
}

/// Notes that the gateway delivers to the connection. False where it has no row any more: it was pushed out, or has ended.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn confirm(db: &Database, connection: &ConnectionId) -> Result<bool, DbError> {
    let row = db
        .query_opt(
            "update connections set opened_at = clock_timestamp() where id = $1 returning id",
            &[(&connection.as_str(), Type::TEXT)],
        )
        .await?;
    Ok(row.is_some())
}

/// Removes the row of a connection that ended.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn close(db: &Database, connection: &ConnectionId) -> Result<(), DbError> {
    db.query("select close_connection($1)", &[(&connection.as_str(), Type::TEXT)])
        .await
        .map(drop)
}

/// Removes the row of a connection for which the gateway answered 410, unless that is no proof yet.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn remove_gone(db: &Database, connection: &Connection) -> Result<(), DbError> {
    db.query(
        "select remove_gone_connection($1, $2)",
        &[(&connection.id.as_str(), Type::TEXT), (&connection.open, Type::BOOL)],
    )
    .await
    .map(drop)
}

/// Removes the rows whose lease ran out.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn sweep(db: &Database) -> Result<(), DbError> {
    db.query("select sweep_connections()", &[]).await.map(drop)
}

/// Removes every row: for a gateway that starts and knows that no connection is left.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn clear(db: &Database) -> Result<(), DbError> {
    db.query("delete from connections", &[]).await.map(drop)
}
