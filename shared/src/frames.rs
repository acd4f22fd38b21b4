//! The frames that go out to clients.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::Error;
use crate::domain::Message;
use crate::domain::{ClientId, ConversationId, MessageId, UserId};

/// What a client is told, one kind for each `type`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outgoing<'a> {
    DirectMessage {
        id: MessageId,
        from: UserId,
        to: UserId,
        content: &'a str,
        timestamp: i64,
        sender_username: &'a str,
        conversation_id: ConversationId,
        seq: i64,
        version: i64,
        #[serde(serialize_with = "crate::time::rfc3339")]
        created_at: DateTime<Utc>,
        #[serde(skip_serializing_if = "Option::is_none")]
        client_id: Option<&'a str>,
    },
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
    SyncComplete {
        has_more: bool,
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

/// A message, new or not yet delivered. `client_id` is for its sender's connections only.
#[must_use]
pub fn direct_message(message: &Message, sender_username: &str, client_id: Option<&ClientId>) -> Bytes {
    text(&Outgoing::DirectMessage {
        id: message.id,
        from: message.sender_id,
        to: message.receiver_id,
        content: &message.content,
        timestamp: message.created_at.timestamp(),
        sender_username,
        conversation_id: message.conversation_id,
        seq: message.seq,
        version: message.version,
        created_at: message.created_at,
        client_id: client_id.map(ClientId::as_str),
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

/// The end of a push on connect; `has_more` where a bound ended it.
#[must_use]
pub fn sync_complete(has_more: bool) -> Bytes {
    text(&Outgoing::SyncComplete { has_more })
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
            receiver_id: Uuid::from_u128(4).into(),
            content: "Hello".to_owned(),
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
            value(&direct_message(&message(), "johndoe", Some(&client_id))),
            expected
        );
        assert!(
            value(&direct_message(&message(), "johndoe", None))
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
