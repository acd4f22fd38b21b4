//! Frames as a client reads them: what it does not know it ignores.

use std::collections::BTreeMap;

use serde::Deserialize;
use uuid::Uuid;

/// How far a client knows its conversations.
pub(crate) type Versions = BTreeMap<Uuid, i64>;

/// What the server tells.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Frame {
    DirectMessage(Said),
    Message(Said),
    MessageEdited(Edited),
    MessageDeleted(Deleted),
    ConversationRead(Mark),
    Delivered(Mark),
    MemberAdded(Part),
    MemberRemoved(Part),
    ConversationUpdated(Named),
    SyncComplete {
        has_more: bool,
        /// Only a `sync` has them, not the push on connect.
        versions: Option<Versions>,
    },
    Error {
        code: String,
        client_id: Option<String>,
        retry_after_ms: Option<u64>,
    },
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Said {
    pub(crate) id: Uuid,
    pub(crate) content: String,
    pub(crate) conversation_id: Uuid,
    pub(crate) seq: i64,
    pub(crate) version: i64,
    pub(crate) client_id: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Edited {
    pub(crate) id: Uuid,
    pub(crate) content: String,
    pub(crate) conversation_id: Uuid,
    pub(crate) seq: i64,
    pub(crate) version: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Deleted {
    pub(crate) id: Uuid,
    pub(crate) conversation_id: Uuid,
    pub(crate) seq: i64,
    pub(crate) version: i64,
    pub(crate) client_id: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Mark {
    pub(crate) conversation_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) seq: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Part {
    pub(crate) conversation_id: Uuid,
    pub(crate) version: i64,
    pub(crate) user_id: Uuid,
    pub(crate) role: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Named {
    pub(crate) conversation_id: Uuid,
    pub(crate) version: i64,
    pub(crate) name: String,
}

impl Frame {
    /// The message that a frame tells of, and its version.
    pub(crate) fn message(&self) -> Option<(Uuid, i64)> {
        match self {
            Self::DirectMessage(said) | Self::Message(said) => Some((said.id, said.version)),
            Self::MessageEdited(edited) => Some((edited.id, edited.version)),
            Self::MessageDeleted(deleted) => Some((deleted.id, deleted.version)),
            _ => None,
        }
    }

    /// Reads a frame. What has no `type` is the gateway's own word that something failed.
    pub(crate) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or(Self::Error {
            code: "unavailable".to_owned(),
            client_id: None,
            retry_after_ms: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_frames_are_ignored_and_the_gateways_own_are_failures() {
        assert!(matches!(Frame::parse(r#"{"type":"new","x":1}"#), Frame::Other));
        let failure = Frame::parse(r#"{"message":"Internal server error"}"#);
        assert!(matches!(failure, Frame::Error { code, .. } if code == "unavailable"));
    }
}
