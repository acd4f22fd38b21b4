use chrono::{DateTime, Utc};

use super::{ConversationId, MessageId, UserId};

/// A message as it now is.
#[derive(Debug, Clone)]
pub struct Message {
    /// The message's id.
    pub id: MessageId,
    /// Where it was said.
    pub conversation_id: ConversationId,
    /// Its number in the conversation: 1, 2, 3, …
    pub seq: i64,
    /// The conversation's version when it last changed.
    pub version: i64,
    /// Who wrote it.
    pub sender_id: UserId,
    /// To whom, in a direct conversation; nobody in particular in a group.
    pub receiver_id: Option<UserId>,
    /// What it says, also when it is deleted: then for its sender's eyes only.
    pub content: String,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// When its content last changed.
    pub edited_at: Option<DateTime<Utc>>,
    /// Whether it is deleted.
    pub deleted: bool,
}
