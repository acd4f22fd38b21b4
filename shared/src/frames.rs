//! The frames that go out to clients.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::Error;
use crate::domain::{ClientId, ConversationId, Message, MessageId, Presence, Role, UserId};

/// What a client is told, one kind for each `type`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outgoing<'a> {
    DirectMessage(Said<'a>),
    Message(Said<'a>),
    MessageEdited {
        id: MessageId,
        content: &'a str,
        conversation_id: ConversationId,
        seq: i64,
        version: i64,
        #[serde(serialize_with = "crate::time::rfc3339")]
        edited_at: DateTime<Utc>,
    },
    MessageDeleted {
        id: MessageId,
        conversation_id: ConversationId,
        seq: i64,
        version: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        client_id: Option<&'a str>,
    },
    ConversationRead {
        reader_id: UserId,
        user_id: UserId,
        conversation_id: ConversationId,
        seq: i64,
    },
    Delivered {
        conversation_id: ConversationId,
        user_id: UserId,
        seq: i64,
    },
    MemberAdded(Membership<'a>),
    MemberRemoved(Membership<'a>),
    ConversationUpdated {
        conversation_id: ConversationId,
        version: i64,
        name: &'a str,
    },
    OnlineUsers {
        users: &'a [UserId],
    },
    PresenceChange {
        user_id: UserId,
        online: bool,
        version: i64,
        #[serde(serialize_with = "crate::time::rfc3339_option")]
        last_seen: Option<DateTime<Utc>>,
    },
    Typing {
        user_id: UserId,
        #[serde(skip_serializing_if = "Option::is_none")]
        conversation_id: Option<ConversationId>,
        active: bool,
    },
    SyncComplete {
        has_more: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        versions: Option<&'a BTreeMap<ConversationId, i64>>,
    },
    Pong,
    Error {
        code: &'a str,
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        client_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

/// A message.
#[derive(Serialize)]
struct Said<'a> {
    id: MessageId,
    from: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<UserId>,
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<MessageId>,
    timestamp: i64,
    sender_username: &'a str,
    conversation_id: ConversationId,
    seq: i64,
    version: i64,
    #[serde(serialize_with = "crate::time::rfc3339")]
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
}

/// Somebody's part in a group.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Membership<'a> {
    /// The group.
    pub conversation_id: ConversationId,
    /// The group's version since then.
    pub version: i64,
    /// Its name.
    pub name: &'a str,
    /// Who.
    pub user_id: UserId,
    /// Their user name.
    pub username: &'a str,
    /// What they are, or were.
    pub role: Role,
}

/// A message, new or not yet delivered: `direct_message` between two, `message` in a group. `client_id` is for its sender's
/// connections only.
#[must_use]
pub fn message(message: &Message, sender_username: &str, client_id: Option<&ClientId>) -> Bytes {
    let said = Said {
        id: message.id,
        from: message.sender_id,
        to: message.receiver_id,
        content: &message.content,
        reply_to: message.reply_to,
        timestamp: message.created_at.timestamp(),
        sender_username,
        conversation_id: message.conversation_id,
        seq: message.seq,
        version: message.version,
        created_at: message.created_at,
        client_id: client_id.map(ClientId::as_str),
    };
    text(&match message.receiver_id {
        Some(_) => Outgoing::DirectMessage(said),
        None => Outgoing::Message(said),
    })
}

/// A user read a conversation up to `seq`.
#[must_use]
pub fn conversation_read(conversation_id: ConversationId, reader: UserId, seq: i64) -> Bytes {
    text(&Outgoing::ConversationRead {
        reader_id: reader,
        user_id: reader,
        conversation_id,
        seq,
    })
}

/// A user's devices have a conversation up to `seq`.
#[must_use]
pub fn delivered(conversation_id: ConversationId, user_id: UserId, seq: i64) -> Bytes {
    text(&Outgoing::Delivered {
        conversation_id,
        user_id,
        seq,
    })
}

/// Somebody takes part in a group now, or has another role in it.
#[must_use]
pub fn member_added(membership: Membership<'_>) -> Bytes {
    text(&Outgoing::MemberAdded(membership))
}

/// Somebody takes part in a group no more.
#[must_use]
pub fn member_removed(membership: Membership<'_>) -> Bytes {
    text(&Outgoing::MemberRemoved(membership))
}

/// A group has a new name.
#[must_use]
pub fn conversation_updated(conversation_id: ConversationId, version: i64, name: &str) -> Bytes {
    text(&Outgoing::ConversationUpdated {
        conversation_id,
        version,
        name,
    })
}

/// Which of the receiver's contacts are online.
#[must_use]
pub fn online_users(users: &[UserId]) -> Bytes {
    text(&Outgoing::OnlineUsers { users })
}

/// Somebody came or went.
#[must_use]
pub fn presence_change(presence: &Presence) -> Bytes {
    text(&Outgoing::PresenceChange {
        user_id: presence.user_id,
        online: presence.last_seen.is_none(),
        version: presence.version,
        last_seen: presence.last_seen,
    })
}

/// Somebody writes, or has stopped.
#[must_use]
pub fn typing(user_id: UserId, conversation_id: Option<ConversationId>, active: bool) -> Bytes {
    text(&Outgoing::Typing {
        user_id,
        conversation_id,
        active,
    })
}

/// A message's content changed.
#[must_use]
pub fn message_edited(message: &Message) -> Bytes {
    text(&Outgoing::MessageEdited {
        id: message.id,
        content: &message.content,
        conversation_id: message.conversation_id,
        seq: message.seq,
        version: message.version,
        edited_at: message.edited_at.unwrap_or(message.created_at),
    })
}

/// A message was deleted. `client_id` is for the answer to a repeated send.
#[must_use]
pub fn message_deleted(message: &Message, client_id: Option<&ClientId>) -> Bytes {
    text(&Outgoing::MessageDeleted {
        id: message.id,
        conversation_id: message.conversation_id,
        seq: message.seq,
        version: message.version,
        client_id: client_id.map(ClientId::as_str),
    })
}

/// The end of a push on connect, or of a `sync` with how far it came; `has_more` where a bound ended it.
#[must_use]
pub fn sync_complete(has_more: bool, versions: Option<&BTreeMap<ConversationId, i64>>) -> Bytes {
    text(&Outgoing::SyncComplete { has_more, versions })
}

/// The answer to a ping.
#[must_use]
pub fn pong() -> Bytes {
    text(&Outgoing::Pong)
}

/// What was refused, with the `client_id` as it was sent.
#[must_use]
pub fn error(error: &Error, client_id: Option<&str>) -> Bytes {
    let (code, message) = match error {
        // Nobody knows whether it was stored, which is what `unavailable` says.
        Error::Unavailable(_) | Error::Internal(_) => (
            "unavailable",
            "the outcome is not known: repeat with the same client_id".to_owned(),
        ),
        error => (error.code(), error.to_string()),
    };
    let field = match error {
        Error::Invalid(errors) => errors.first().map(|error| error.field),
        _ => None,
    };
    let retry_after_ms = match error {
        Error::RateLimited(quota) => u64::try_from(quota.retry_after.as_millis()).ok(),
        _ => None,
    };
    refusal(code, message, field, client_id, retry_after_ms)
}

/// A frame that could not be read at all.
pub(crate) fn unreadable(code: &str, message: String, client_id: Option<&str>) -> Bytes {
    refusal(code, message, None, client_id, None)
}

fn refusal(
    code: &str,
    message: String,
    field: Option<&str>,
    client_id: Option<&str>,
    retry_after_ms: Option<u64>,
) -> Bytes {
    text(&Outgoing::Error {
        code,
        message,
        field,
        client_id,
        retry_after_ms,
    })
}

fn text(frame: &Outgoing<'_>) -> Bytes {
    // Numbers, strings and ids only: there is nothing in a frame that JSON can't hold.
    serde_json::to_vec(frame).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::error::Quota;

    fn value(frame: &Bytes) -> Value {
        serde_json::from_slice(frame).unwrap()
    }

    fn message() -> Message {
        Message {
            id: Uuid::from_u128(1).into(),
            conversation_id: Uuid::from_u128(2).into(),
            seq: 42,
            version: 57,
            sender_id: Uuid::from_u128(3).into(),
            receiver_id: Some(Uuid::from_u128(4).into()),
            content: "Hello".to_owned(),
            reply_to: None,
            created_at: DateTime::from_timestamp_micros(1_705_312_800_000_001).unwrap(),
            edited_at: None,
            deleted: false,
        }
    }

    #[test]
    fn a_message_has_the_members_of_the_contract() {
        let client_id = ClientId::parse("c1").unwrap();
        let expected = json!({
            "type": "direct_message",
            "id": "00000000-0000-0000-0000-000000000001",
            "from": "00000000-0000-0000-0000-000000000003",
            "to": "00000000-0000-0000-0000-000000000004",
            "content": "Hello",
            "timestamp": 1_705_312_800,
            "sender_username": "johndoe",
            "conversation_id": "00000000-0000-0000-0000-000000000002",
            "seq": 42,
            "version": 57,
            "created_at": "2024-01-15T10:00:00.000001Z",
            "client_id": "c1",
        });
        assert_eq!(
            value(&super::message(&message(), "johndoe", Some(&client_id))),
            expected
        );
        assert!(
            value(&super::message(&message(), "johndoe", None))
                .get("client_id")
                .is_none()
        );
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let quota = Quota {
            limit: 10,
            remaining: 0,
            reset: std::time::Duration::from_millis(70),
            retry_after: std::time::Duration::from_millis(70),
        };
        assert_eq!(
            value(&error(&Error::RateLimited(quota), Some("c1"))),
            json!({"type": "error", "code": "rate_limited", "message": "too many requests", "client_id": "c1", "retry_after_ms": 70})
        );
        let invalid = value(&error(&Error::field("to", "must be a UUID"), None));
        assert_eq!(
            (&invalid["code"], &invalid["field"]),
            (&json!("invalid_field"), &json!("to"))
        );
    }

    #[test]
    fn what_broke_inside_is_not_told() {
        let frame = value(&error(&Error::Internal("secret".into()), None));
        assert_eq!(frame["code"], "unavailable");
        assert!(!frame.to_string().contains("secret"));
    }
}
