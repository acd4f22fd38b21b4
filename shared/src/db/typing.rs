//! Who writes at the moment: passed on, never stored.

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::Database;
use super::connections::Connection;
use super::messages::{connections, unknown_status};
use super::rate_limits::milliseconds;
use crate::Error;
use crate::domain::{ConnectionId, ConversationId, Destination, UserId};
use crate::error::Quota;

/// That somebody writes, and whom to tell.
#[derive(Debug)]
pub struct Typing {
    /// Who.
    pub user_id: UserId,
    /// Where; `None` between two who have no conversation yet.
    pub conversation_id: Option<ConversationId>,
    /// The connections of everyone else there.
    pub connections: Vec<Connection>,
}

/// Finds out whom to tell that the connection's user writes.
///
/// # Errors
/// As a send to that destination has, and [`Error::RateLimited`] for more than one a second there, or ten a second in all.
pub async fn note(db: &Database, connection: &ConnectionId, destination: Destination) -> Result<Typing, Error> {
    let (receiver, target) = destination.as_uuids();
    let row = db
        .query_one(
            "select * from note_typing($1, $2, $3)",
            &[
                (&connection.as_str(), Type::TEXT),
                (&receiver, Type::UUID),
                (&target, Type::UUID),
            ],
        )
        .await?;
    match row.get("status") {
        "typing" => Ok(Typing {
            user_id: UserId::from(row.get::<_, Uuid>("user_id")),
            conversation_id: row.get::<_, Option<Uuid>>("conversation_id").map(ConversationId::from),
            connections: connections(&row),
        }),
        "unknown_connection" => Err(Error::UnknownConnection),
        "sending_to_oneself" => Err(Error::field("to", "must be somebody else than yourself")),
        "unknown_user" => Err(Error::UnknownUser),
        "unknown_conversation" => Err(Error::UnknownConversation),
        "forbidden" => Err(Error::Forbidden("only members may write to a conversation")),
        "rate_limited" => Err(Error::RateLimited(Quota::empty(
            1,
            milliseconds(row.get("retry_after_ms")),
        ))),
        status => Err(unknown_status("note_typing", status)),
    }
}
