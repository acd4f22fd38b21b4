//! The rows of open WebSocket connections.

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{Database, DbError};
use crate::domain::{ConnectionId, Presence, UserId};

/// A connection of somebody, and whether the gateway was seen to deliver to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The gateway's name for it.
    pub id: ConnectionId,
    /// False until its `$connect` has answered and the gateway took a frame for it.
    pub open: bool,
}

/// What a new connection brings about.
#[derive(Debug)]
pub struct Admission {
    /// The user's oldest connections beyond the limit, whose rows are gone now.
    pub pushed_out: Vec<ConnectionId>,
    /// That the user came online: this is their first connection.
    pub presence: Option<Presence>,
}

/// Writes the row of a new connection. `None` where there is no such user.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn open(
    db: &Database,
    connection: &ConnectionId,
    user: UserId,
    limit: u16,
) -> Result<Option<Admission>, DbError> {
    let row = db
        .query_one(
            "select * from admit_connection($1, $2, $3)",
            &[
                (&connection.as_str(), Type::TEXT),
                (user.as_uuid(), Type::UUID),
                (&i32::from(limit), Type::INT4),
            ],
        )
        .await?;
    let pushed_out: Option<Vec<String>> = row.get("pushed_out");
    let version: Option<i64> = row.get("presence_version");
    Ok(pushed_out.map(|ids| Admission {
        pushed_out: ids.into_iter().map(ConnectionId::new).collect(),
        presence: version.map(|version| Presence {
            user_id: user,
            version,
            last_seen: None,
        }),
    }))
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

/// Removes the row of a connection that ended. The answer tells whether its user went offline by that.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn close(db: &Database, connection: &ConnectionId) -> Result<Option<Presence>, DbError> {
    let row = db
        .query_one(
            "select * from end_connection($1)",
            &[(&connection.as_str(), Type::TEXT)],
        )
        .await?;
    Ok(presence(&row))
}

/// Removes the row of a connection for which the gateway answered 410, unless that is no proof yet. The answer is that of [`close`].
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn remove_gone(db: &Database, connection: &Connection) -> Result<Option<Presence>, DbError> {
    let row = db
        .query_one(
            "select * from end_gone_connection($1, $2)",
            &[(&connection.id.as_str(), Type::TEXT), (&connection.open, Type::BOOL)],
        )
        .await?;
    Ok(presence(&row))
}

/// Removes the rows whose lease ran out, and returns who went offline by that.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn sweep(db: &Database) -> Result<Vec<Presence>, DbError> {
    let rows = db.query("select * from end_expired_connections()", &[]).await?;
    Ok(rows.iter().filter_map(presence).collect())
}

/// Removes every row: for a gateway that starts and knows that no connection is left.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn clear(db: &Database) -> Result<(), DbError> {
    db.query("select end_all_connections()", &[]).await.map(drop)
}

/// That a user went offline; nothing where nothing changed for others.
fn presence(row: &Row) -> Option<Presence> {
    Some(Presence {
        user_id: UserId::from(row.get::<_, Option<Uuid>>("user_id")?),
        version: row.get::<_, Option<i64>>("version")?,
        last_seen: row.get("last_seen"),
    })
}
