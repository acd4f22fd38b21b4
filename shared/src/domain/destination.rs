use uuid::Uuid;

use super::{ConversationId, UserId};

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To one other user; their direct conversation is made if need be.
    User(UserId),
    /// To everyone in a conversation.
    Conversation(ConversationId),
}

impl Destination {
    /// The user or the conversation, as the statements take them.
    pub(crate) fn as_uuids(&self) -> (Option<&Uuid>, Option<&Uuid>) {
        match self {
            Self::User(user) => (Some(user.as_uuid()), None),
            Self::Conversation(conversation) => (None, Some(conversation.as_uuid())),
        }
    }
}
