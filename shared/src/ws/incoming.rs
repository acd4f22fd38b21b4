use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use crate::Error;
use crate::domain::{ClientId, Content, ConversationId, Destination, Invalid, MessageId, UserId};
use crate::fields::{Fields, boolean, whole_number};
use crate::frames;

/// The longest `client_id` that an error quotes, in bytes, should it be none by the rule.
const MAX_QUOTED_BYTES: usize = 1024;

/// How many conversations a sync may name.
const MAX_VERSIONS: usize = 500;

/// What a client asks for.
#[derive(Debug)]
pub enum Frame {
    /// A message.
    Message {
        /// Where to.
        destination: Destination,
        /// What it says.
        content: Content,
        /// The message that it answers.
        reply_to: Option<MessageId>,
        /// The sender's own name for it.
        client_id: Option<ClientId>,
    },
    /// That a conversation was read.
    Read {
        /// Which.
        conversation: ConversationId,
        /// Up to which message; to the end where it is not said.
        seq: Option<i64>,
    },
    /// That somebody writes, or has stopped.
    Typing {
        /// Where to.
        destination: Destination,
        /// False where they stopped.
        active: bool,
    },
    /// Asks for what was missed.
    Sync {
        /// How far the client knows its conversations.
        versions: BTreeMap<ConversationId, i64>,
    },
    /// A sign of life.
    Ping,
}

/// A frame as it came in.
#[derive(Debug)]
pub struct Incoming {
    /// The `client_id` as it was sent, for the answer.
    pub client_id: Option<String>,
    /// What it asks for, or the frame that says why it can't be told.
    pub frame: Result<Frame, Bytes>,
}

impl Incoming {
    /// Reads a frame.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let members = match serde_json::from_str(text) {
            Ok(Value::Object(members)) => members,
            Ok(_) => return Self::unreadable("invalid_json", "the frame is JSON, but not an object".to_owned(), None),
            Err(error) => return Self::unreadable("invalid_json", format!("the frame is not JSON: {error}"), None),
        };
        let client_id = members
            .get("client_id")
            .and_then(Value::as_str)
            .filter(|id| id.len() <= MAX_QUOTED_BYTES);
        let client_id = client_id.map(str::to_owned);
        let frame = match members.get("type").and_then(Value::as_str) {
            Some("direct_message") => direct_message(Fields::new(members)),
            Some("message") => message(Fields::new(members)),
            Some("read") => read(Fields::new(members)),
            Some("typing") => typing(Fields::new(members)),
            Some("sync") => sync(Fields::new(members)),
            Some("ping") => Ok(Frame::Ping),
            Some(other) => {
                let message = format!("there is no frame of type {:?}", shorten(other));
                return Self::unreadable("unknown_type", message, client_id);
            }
            None => return Self::unreadable("unknown_type", "the frame has no type".to_owned(), client_id),
        };
        Self {
            frame: frame.map_err(|error| frames::error(&error, client_id.as_deref())),
            client_id,
        }
    }

    fn unreadable(code: &str, message: String, client_id: Option<String>) -> Self {
        Self {
            frame: Err(frames::unreadable(code, message, client_id.as_deref())),
            client_id,
        }
    }
}

fn direct_message(mut fields: Fields) -> Result<Frame, Error> {
    let to = fields.required("to", UserId::parse);
    let content = fields.required("content", Content::parse);
    let client_id = fields.optional("client_id", ClientId::parse);
    match (to, content, client_id) {
        (Some(to), Some(content), Some(client_id)) => Ok(Frame::Message {
            destination: Destination::User(to),
            content,
            reply_to: None,
            client_id,
        }),
        _ => Err(fields.refusal()),
    }
}

fn message(mut fields: Fields) -> Result<Frame, Error> {
    let conversation = fields.required("conversation_id", ConversationId::parse);
    let content = fields.required("content", Content::parse);
    let reply_to = fields.optional("reply_to", MessageId::parse);
    let client_id = fields.optional("client_id", ClientId::parse);
    match (conversation, content, reply_to, client_id) {
        (Some(conversation), Some(content), Some(reply_to), Some(client_id)) => Ok(Frame::Message {
            destination: Destination::Conversation(conversation),
            content,
            reply_to,
            client_id,
        }),
        _ => Err(fields.refusal()),
    }
}

fn read(mut fields: Fields) -> Result<Frame, Error> {
    let conversation = fields.required("conversation_id", ConversationId::parse);
    let seq = fields.optional_value("seq", whole_number);
    match (conversation, seq) {
        (Some(conversation), Some(seq)) => Ok(Frame::Read { conversation, seq }),
        _ => Err(fields.refusal()),
    }
}

fn typing(mut fields: Fields) -> Result<Frame, Error> {
    let user = fields.optional("to", UserId::parse);
    let conversation = fields.optional("conversation_id", ConversationId::parse);
    let active = fields.required_value("active", boolean);
    let (Some(user), Some(conversation), Some(active)) = (user, conversation, active) else {
        return Err(fields.refusal());
    };
    let destination = match (user, conversation) {
        (Some(user), None) => Destination::User(user),
        (None, Some(conversation)) => Destination::Conversation(conversation),
        _ => {
            fields.refuse("to", "is required, or else conversation_id, and not both");
            return Err(fields.refusal());
        }
    };
    Ok(Frame::Typing { destination, active })
}

fn sync(mut fields: Fields) -> Result<Frame, Error> {
    match fields.optional_value("versions", versions) {
        Some(versions) => Ok(Frame::Sync {
            versions: versions.unwrap_or_default(),
        }),
        None => Err(fields.refusal()),
    }
}

fn versions(value: &Value) -> Result<BTreeMap<ConversationId, i64>, Invalid> {
    let entries = value.as_object().ok_or_else(|| Invalid::new("must be an object"))?;
    if entries.len() > MAX_VERSIONS {
        let count = entries.len();
        return Err(Invalid::new(format!(
            "must have at most {MAX_VERSIONS} entries, not {count}"
        )));
    }
    entries
        .iter()
        .map(|(id, version)| Ok((ConversationId::parse(id)?, whole_number(version)?)))
        .collect()
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests;
