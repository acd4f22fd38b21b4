//! How far everyone has read.

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::Database;
use super::connections::Connection;
use super::messages::{connections, unknown_status};
use super::rate_limits::milliseconds;
use crate::Error;
use crate::domain::{ConnectionId, ConversationId, UserId};
use crate::error::Quota;

/// How many read marks a user may move at once by frames, as `mark_read_from` in the migrations has it.
const READ_LIMIT: u32 = 100;

/// Where a user's read mark stands.
#[derive(Debug)]
pub struct ReadMark {
    /// Where.
    pub conversation_id: ConversationId,
    /// Up to which `seq` they have read.
    pub seq: i64,
    /// Whether it moved.
    pub moved: bool,
    /// The connections of all members, where it moved; none where it did not.
    pub connections: Vec<Connection>,
}

/// Moves a user's read mark up to `seq`, to the end where there is none; never back, never beyond the end.
///
/// # Errors
/// [`Error::UnknownConversation`], [`Error::Forbidden`] to former members, or what the database says.
pub async fn mark_read(
    db: &Database,
    user: UserId,
    conversation: ConversationId,
    seq: Option<i64>,
) -> Result<ReadMark, Error> {
    let row = db
        .query_one(
            "select * from mark_read($1, $2, $3)",
            &[
                (user.as_uuid(), Type::UUID),
                (conversation.as_uuid(), Type::UUID),
                (&seq, Type::INT8),
            ],
        )
        .await?;
    read_mark(&row)
}

/// As [`mark_read`] for the user of a connection, 10 times a second in the long run and 100 times at once. Returns who that is, too.
///
/// # Errors
/// As [`mark_read`], [`Error::UnknownConnection`], and [`Error::RateLimited`].
pub async fn mark_read_from(
    db: &Database,
    connection: &ConnectionId,
    conversation: ConversationId,
    seq: Option<i64>,
) -> Result<(UserId, ReadMark), Error> {
    let row = db
        .query_one(
            "select * from mark_read_from($1, $2, $3)",
            &[
                (&connection.as_str(), Type::TEXT),
                (conversation.as_uuid(), Type::UUID),
                (&seq, Type::INT8),
            ],
        )
        .await?;
    match row.get("status") {
        "unknown_connection" => Err(Error::UnknownConnection),
        "rate_limited" => {
            let retry_after = milliseconds(row.get("retry_after_ms"));
            Err(Error::RateLimited(Quota::empty(READ_LIMIT, retry_after)))
        }
        _ => Ok((UserId::from(row.get::<_, Uuid>("user_id")), read_mark(&row)?)),
    }
}

fn read_mark(row: &Row) -> Result<ReadMark, Error> {
    match row.get("status") {
        "read" => Ok(ReadMark {
            conversation_id: ConversationId::from(row.get::<_, Uuid>("conversation_id")),
            seq: row.get("seq"),
            moved: row.get("moved"),
            connections: connections(row),
        }),
        "unknown_conversation" => Err(Error::UnknownConversation),
        "forbidden" => Err(Error::Forbidden("only members may mark a conversation as read")),
        status => Err(unknown_status("mark_read", status)),
    }
}
