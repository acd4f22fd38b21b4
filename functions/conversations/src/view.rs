//! What clients are shown.

use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::db::conversations::{GroupMember, Party, Person};
use shared::db::feed::{Entry, MemberState};
use shared::domain::{ConversationId, MessageId, Role, UserId};
use shared::service::conversations::{Changes, Conversation};

#[derive(Serialize)]
pub(super) struct ConversationView {
    id: ConversationId,
    #[serde(flatten)]
    party: PartyView,
    last_message: Option<MessageView>,
    unread_count: i64,
    last_seq: i64,
    version: i64,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum PartyView {
    Direct { other_user: PersonView },
    Group { name: String, members: Vec<MemberView> },
}

#[derive(Serialize)]
struct PersonView {
    id: UserId,
    username: String,
}

#[derive(Serialize)]
struct MemberView {
    user_id: UserId,
    username: String,
    role: Role,
}

/// A message in a list: one that was deleted has no content.
#[derive(Serialize)]
pub(super) struct MessageView {
    id: MessageId,
    conversation_id: ConversationId,
    seq: i64,
    version: i64,
    from: UserId,
    content: Option<String>,
    reply_to: Option<MessageId>,
    is_deleted: bool,
    #[serde(serialize_with = "shared::time::rfc3339_option")]
    edited_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "shared::time::rfc3339")]
    created_at: DateTime<Utc>,
}

#[derive(Serialize)]
pub(super) struct ChangesView {
    messages: Vec<MessageView>,
    members: Vec<MemberStateView>,
    name: Option<String>,
    version: i64,
    has_more: bool,
}

#[derive(Serialize)]
struct MemberStateView {
    user_id: UserId,
    role: Role,
    read_seq: i64,
    delivered_seq: i64,
    removed: bool,
}

impl From<Conversation> for ConversationView {
    fn from(conversation: Conversation) -> Self {
        let Conversation {
            overview,
            members,
            last_message,
        } = conversation;
        Self {
            id: overview.id,
            party: match overview.party {
                Party::User(other) => PartyView::Direct {
                    other_user: other.into(),
                },
                Party::Group { name, .. } => PartyView::Group {
                    name,
                    members: members.into_iter().map(MemberView::from).collect(),
                },
            },
            last_message: last_message.map(MessageView::from),
            unread_count: overview.unread_count,
            last_seq: overview.last_seq,
            version: overview.version,
        }
    }
}

impl From<Person> for PersonView {
    fn from(Person { id, username }: Person) -> Self {
        Self { id, username }
    }
}

impl From<GroupMember> for MemberView {
    fn from(member: GroupMember) -> Self {
        Self {
            user_id: member.person.id,
            username: member.person.username,
            role: member.role,
        }
    }
}

impl From<Entry> for MessageView {
    fn from(Entry { message, .. }: Entry) -> Self {
        Self {
            id: message.id,
            conversation_id: message.conversation_id,
            seq: message.seq,
            version: message.version,
            from: message.sender_id,
            content: (!message.deleted).then_some(message.content),
            reply_to: message.reply_to,
            is_deleted: message.deleted,
            edited_at: message.edited_at,
            created_at: message.created_at,
        }
    }
}

impl From<Changes> for ChangesView {
    fn from(changes: Changes) -> Self {
        Self {
            messages: changes.messages.into_iter().map(MessageView::from).collect(),
            members: changes.members.into_iter().map(MemberStateView::from).collect(),
            name: changes.name,
            version: changes.version,
            has_more: changes.has_more,
        }
    }
}

impl From<MemberState> for MemberStateView {
    fn from(member: MemberState) -> Self {
        Self {
            user_id: member.user_id,
            role: member.role,
            read_seq: member.read_seq,
            delivered_seq: member.delivered_seq,
            removed: member.removed,
        }
    }
}
