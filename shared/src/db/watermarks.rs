//! How far everyone has read.

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::Database;
use super::connections::Connection;
use super::messages::{connections, unknown_status};
use crate::Error;
use crate::domain::{ConversationId, UserId};

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
    match row.get("status") {
        "read" => Ok(ReadMark {
            conversation_id: ConversationId::from(row.get::<_, Uuid>("conversation_id")),
            seq: row.get("seq"),
            moved: row.get("moved"),
            connections: connections(&row),
        }),
        "unknown_conversation" => Err(Error::UnknownConversation),
        "forbidden" => Err(Error::Forbidden("only members may mark a conversation as read")),
        status => Err(unknown_status("mark_read", status)),
    }
}
