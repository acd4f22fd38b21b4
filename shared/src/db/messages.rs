//! Storing, editing and deleting messages.

use sha2::{Digest, Sha256};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connections::Connection;
use super::sends::Sending;
use super::{Database, DbError, rate_limits};
use crate::Error;
use crate::domain::{ClientId, ConnectionId, Content, ConversationId, Destination, Message, MessageId, UserId};
use crate::error::Quota;

/// Messages a user may send in a second, as `post_message` in the migrations has it.
const SEND_LIMIT: u32 = 10;

/// A message that a client wants to send.
#[derive(Debug)]
pub struct NewMessage<'a> {
    /// The connection that the frame came in on; it tells who the sender is.
    pub connection: &'a ConnectionId,
    /// Where to.
    pub destination: Destination,
    /// What it says.
    pub content: &'a Content,
    /// The message of the same conversation that it answers.
    pub reply_to: Option<MessageId>,
    /// The sender's own name for it, which makes the send repeatable.
    pub client_id: Option<&'a ClientId>,
}

/// A stored message and whom to tell of it.
#[derive(Debug)]
pub struct Sent {
    /// The message.
    pub message: Message,
    /// The sender's name.
    pub sender_username: String,
    /// Whether it had been stored by an earlier send with the same `client_id`.
    pub repeated: bool,
    /// Everyone in the conversation, the sender too.
    pub members: Vec<Member>,
}

/// Somebody in a conversation.
#[derive(Debug)]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// Up to which `seq` everything was delivered to them.
    pub delivered_seq: i64,
    /// Where they are connected.
    pub connections: Vec<Connection>,
}

/// A message that was edited or deleted, and whom to tell of it.
#[derive(Debug)]
pub struct Changed {
    /// The message as it is now.
    pub message: Message,
    /// All connections of everyone in the conversation; none where nothing changed.
    pub connections: Vec<Connection>,
}

/// Stores a message: one statement, one round trip, one commit, which it may share with others that are sent at the same time.
///
/// # Errors
/// [`Error::UnknownConnection`], [`Error::Invalid`] for a send to oneself, [`Error::RateLimited`], [`Error::UnknownUser`],
/// [`Error::UnknownConversation`], [`Error::Forbidden`] to former members, [`Error::UnknownMessage`] for what is replied to,
/// [`Error::ClientIdConflict`], or what the database says. Nothing is stored then.
pub async fn send(db: &Database, new: &NewMessage<'_>) -> Result<Sent, Error> {
    let (receiver, target) = new.destination.as_uuids();
    let send = Sending {
        connection: new.connection.to_string(),
        receiver: receiver.copied(),
        target: target.copied(),
        content: new.content.as_str().to_owned(),
        reply_to: new.reply_to.as_ref().map(MessageId::as_uuid).copied(),
        client_id: new.client_id.map(|id| id.as_str().to_owned()),
        digest: digest(new),
    };
    let row = db.sends().make(db, send).await?;
    match row.get("status") {
        "sent" | "repeated" => Ok(sent(&row)),
        "unknown_connection" => Err(Error::UnknownConnection),
        "sending_to_oneself" => Err(Error::field("to", "must be somebody else than yourself")),
        "rate_limited" => {
            let retry_after = rate_limits::milliseconds(row.get("retry_after_ms"));
            Err(Error::RateLimited(Quota::empty(SEND_LIMIT, retry_after)))
        }
        "unknown_user" => Err(Error::UnknownUser),
        "unknown_conversation" => Err(Error::UnknownConversation),
        "forbidden" => Err(Error::Forbidden("only members may write to a conversation")),
        "unknown_message" => Err(Error::UnknownMessage),
        "client_id_conflict" => Err(Error::ClientIdConflict),
        status => Err(unknown_status("post_message", status)),
    }
}

/// Replaces the content of a user's own message.
///
/// # Errors
/// [`Error::UnknownMessage`] where there is none or it is deleted, [`Error::Forbidden`] where somebody else wrote it, or what the
/// database says.
pub async fn edit(db: &Database, user: UserId, message: MessageId, content: &Content) -> Result<Changed, Error> {
    change(db, user, message, Some(content)).await
}

/// Marks a user's own message as deleted; doing so again changes nothing.
///
/// # Errors
/// [`Error::UnknownMessage`], [`Error::Forbidden`] where somebody else wrote it, or what the database says.
pub async fn delete(db: &Database, user: UserId, message: MessageId) -> Result<Changed, Error> {
    change(db, user, message, None).await
}

async fn change(db: &Database, user: UserId, message: MessageId, content: Option<&Content>) -> Result<Changed, Error> {
    let row = db
        .query_one(
            "select * from amend_message($1, $2, $3)",
            &[
                (user.as_uuid(), Type::UUID),
                (message.as_uuid(), Type::UUID),
                (&content.map(Content::as_str), Type::TEXT),
            ],
        )
        .await?;
    match row.get("status") {
        status @ ("changed" | "unchanged") => Ok(Changed {
            message: message_from(&row),
            connections: if status == "changed" {
                connections(&row)
            } else {
                Vec::new()
            },
        }),
        "unknown_message" => Err(Error::UnknownMessage),
        "forbidden" => Err(Error::Forbidden("only the sender of a message may change it")),
        status => Err(unknown_status("amend_message", status)),
    }
}

/// What a repeat must agree with. The conversation is compared by the statement.
fn digest(new: &NewMessage<'_>) -> Vec<u8> {
    let mut digest = Sha256::new_with_prefix(new.content.as_str());
    if let Some(reply_to) = new.reply_to {
        // No content has this character, so what follows it is never taken for content.
        digest.update([0]);
        digest.update(reply_to.as_uuid());
    }
    digest.finalize().to_vec()
}

fn sent(row: &Row) -> Sent {
    let owners: Vec<Uuid> = row.get::<_, Option<_>>("connection_users").unwrap_or_default();
    let connections = connections(row);
    let ids: Vec<Uuid> = row.get::<_, Option<_>>("member_ids").unwrap_or_default();
    let marks: Vec<i64> = row.get::<_, Option<_>>("member_marks").unwrap_or_default();
    let members = ids.into_iter().zip(marks).map(|(id, delivered_seq)| Member {
        user_id: UserId::from(id),
        delivered_seq,
        connections: std::iter::zip(&owners, &connections)
            .filter(|(owner, _)| **owner == id)
            .map(|(_, connection)| connection.clone())
            .collect(),
    });
    Sent {
        message: message_from(row),
        sender_username: row.get("sender_username"),
        repeated: row.get::<_, &str>("status") == "repeated",
        members: members.collect(),
    }
}

/// The connections that a row lists.
pub(super) fn connections(row: &Row) -> Vec<Connection> {
    let ids: Vec<String> = row.get::<_, Option<_>>("connection_ids").unwrap_or_default();
    let open: Vec<bool> = row.get::<_, Option<_>>("connections_open").unwrap_or_default();
    std::iter::zip(ids, open)
        .map(|(id, open)| Connection {
            id: ConnectionId::new(id),
            open,
        })
        .collect()
}

pub(super) fn message_from(row: &Row) -> Message {
    Message {
        id: MessageId::from(row.get::<_, Uuid>("id")),
        conversation_id: ConversationId::from(row.get::<_, Uuid>("conversation_id")),
        seq: row.get("seq"),
        version: row.get("version"),
        sender_id: UserId::from(row.get::<_, Uuid>("sender_id")),
        receiver_id: row.get::<_, Option<Uuid>>("receiver_id").map(UserId::from),
        content: row.get("content"),
        reply_to: row.get::<_, Option<Uuid>>("reply_to").map(MessageId::from),
        created_at: row.get("created_at"),
        edited_at: row.get("edited_at"),
        deleted: row.get("deleted"),
    }
}

/// A status that this code does not know: the schema is newer than it.
pub(super) fn unknown_status(function: &str, status: &str) -> Error {
    DbError::Refused(format!("{function} answered the unknown status {status:?}")).into()
}
