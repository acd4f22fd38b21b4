//! Pages of a direct conversation.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{Database, DbError};
use crate::domain::{ConversationId, MessageId, UserId};

/// What two users have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chat {
    /// The other user does not exist.
    UnknownUser,
    /// Neither has written to the other.
    Empty,
    /// Their conversation.
    Conversation(ConversationId),
}

/// A message in a page of history.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The message's id.
    pub id: MessageId,
    /// Who wrote it.
    pub sender_id: UserId,
    /// What it says.
    pub content: String,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// When its content last changed.
    pub edited_at: Option<DateTime<Utc>>,
    /// Whether its receiver read it.
    pub is_read: bool,
    /// When the receiver's read mark passed it.
    pub read_at: Option<DateTime<Utc>>,
}

/// The direct conversation of two users.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn find_chat(db: &Database, user: UserId, other: UserId) -> Result<Chat, DbError> {
    let row = db
        .query_opt(
            "select c.id
             from users u
             left join conversations c on c.low_user = least($1, $2) and c.high_user = greatest($1, $2)
             where u.id = $2",
            &[(user.as_uuid(), Type::UUID), (other.as_uuid(), Type::UUID)],
        )
        .await?;
    Ok(match row.map(|row| row.get::<_, Option<Uuid>>("id")) {
        None => Chat::UnknownUser,
        Some(None) => Chat::Empty,
        Some(Some(id)) => Chat::Conversation(ConversationId::from(id)),
    })
}

/// The `seq` of a message, deleted or not, of this conversation.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn find_seq(db: &Database, conversation: ConversationId, message: MessageId) -> Result<Option<i64>, DbError> {
    let row = db
        .query_opt(
            "select seq from messages where id = $1 and conversation_id = $2",
            &[(message.as_uuid(), Type::UUID), (conversation.as_uuid(), Type::UUID)],
        )
        .await?;
    Ok(row.map(|row| row.get("seq")))
}

/// The `seq` of the first message that was stored at `time` or later, one past the last where there is none.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn first_seq_at(db: &Database, conversation: ConversationId, time: DateTime<Utc>) -> Result<i64, DbError> {
    let row = db
        .query_one(
            "select first_seq_at($1, $2) as seq",
            &[(conversation.as_uuid(), Type::UUID), (&time, Type::TIMESTAMPTZ)],
        )
        .await?;
    Ok(row.get("seq"))
}

/// A page of messages, and when each was read: by the first of its reader's marks that is not below it.
///
/// Each user's marks between the page's ends, and the first past them, are read as one stretch of their index: to look each message's
/// mark up would cost most of the page. `width_bucket` then counts the marks below a message, by bisection.
const HISTORY: &str = "
    with page as materialized (
        select * from messages
        where conversation_id = $1 and seq < $2 and deleted_at is null
        order by seq desc limit $3
    ),
    ends as materialized (select min(seq) as low, max(seq) as high from page),
    readers as materialized (
        select user_id, read_seq, marks.*
        from ends, members
        cross join lateral (
            select array_agg(seq order by seq) as seqs, array_agg(read_at order by seq) as times
            from (
                (
                    select seq, read_at from read_marks
                    where conversation_id = $1 and user_id = members.user_id and seq >= low and seq < high
                )
                union all
                (
                    select seq, read_at from read_marks
                    where conversation_id = $1 and user_id = members.user_id and seq >= high
                    order by seq limit 1
                )
            ) of_the_page
        ) marks
        where conversation_id = $1
    )
    select page.id, sender_id, content, created_at, edited_at,
        read_seq >= seq as is_read,
        times[1 + width_bucket(seq - 1, seqs)] as read_at
    from page join readers on user_id <> sender_id
    order by seq desc";

/// The messages right below `before`, newest first, without deleted ones.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn list(db: &Database, conversation: ConversationId, before: i64, limit: i64) -> Result<Vec<Entry>, DbError> {
    let rows = db
        .query(
            HISTORY,
            &[
                (conversation.as_uuid(), Type::UUID),
                (&before, Type::INT8),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    Ok(rows.iter().map(entry).collect())
}

fn entry(row: &Row) -> Entry {
    Entry {
        id: MessageId::from(row.get::<_, Uuid>("id")),
        sender_id: UserId::from(row.get::<_, Uuid>("sender_id")),
        content: row.get("content"),
        created_at: row.get("created_at"),
        edited_at: row.get("edited_at"),
        is_read: row.get("is_read"),
        read_at: row.get("read_at"),
    }
}
