//! What was pushed to whom: the delivered marks, and what lies above them.

use std::ops::RangeInclusive;

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connections::Connection;
use super::messages::{connections, message_from};
use super::{Database, DbError};
use crate::domain::{ConversationId, Message, UserId};

/// A message that somebody was not sent yet.
#[derive(Debug)]
pub struct Undelivered {
    /// The message as it now is.
    pub message: Message,
    /// Its sender's name.
    pub sender_username: String,
}

/// Messages of a conversation that were all pushed to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Where.
    pub conversation_id: ConversationId,
    /// To whom.
    pub user_id: UserId,
    /// From which `seq` to which.
    pub seqs: RangeInclusive<i64>,
}

const UNDELIVERED_COLUMNS: &str =
    "m.id, m.conversation_id, m.seq, m.version, m.sender_id, m.content, m.reply_to, m.created_at, m.edited_at,
     false as deleted, case c.kind when 'direct' then $1 end as receiver_id, u.username as sender_username";

/// A user's oldest undelivered messages over all conversations, oldest first. For a former member one that changed after they were
/// removed is as good as deleted.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn list_undelivered(db: &Database, user: UserId, limit: i64) -> Result<Vec<Undelivered>, DbError> {
    let sql = format!(
        "select {UNDELIVERED_COLUMNS}
         from members
         join conversations c on c.id = members.conversation_id and c.last_seq > members.delivered_seq
         cross join lateral (
             select * from messages
             where conversation_id = c.id and seq > greatest(delivered_seq, joined_seq)
                 and (left_seq is null or (seq <= left_seq and version <= left_version))
                 and sender_id <> $1 and deleted_at is null
             order by seq limit $2
         ) m
         join users u on u.id = m.sender_id
         where members.user_id = $1
         order by m.created_at, m.conversation_id, m.seq
         limit $2"
    );
    let rows = db
        .query(&sql, &[(user.as_uuid(), Type::UUID), (&limit, Type::INT8)])
        .await?;
    Ok(rows.iter().map(undelivered).collect())
}

/// The messages of one conversation that lie above `mark`, and above the user's own mark as it stands by now, and below `seq`, and are
/// neither deleted nor the user's own.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn list_gap(
    db: &Database,
    user: UserId,
    conversation: ConversationId,
    mark: i64,
    seq: i64,
    limit: i64,
) -> Result<Vec<Undelivered>, DbError> {
    let sql = format!(
        "select {UNDELIVERED_COLUMNS}
         from messages m
         join conversations c on c.id = m.conversation_id
         join members on members.conversation_id = m.conversation_id and members.user_id = $1
         join users u on u.id = m.sender_id
         where m.conversation_id = $2 and m.seq > greatest($3, delivered_seq, joined_seq) and m.seq < $4
             and left_seq is null and m.sender_id <> $1 and m.deleted_at is null
         order by m.seq limit $5"
    );
    let parameters = [
        (user.as_uuid() as _, Type::UUID),
        (conversation.as_uuid() as _, Type::UUID),
        (&mark as _, Type::INT8),
        (&seq as _, Type::INT8),
        (&limit as _, Type::INT8),
    ];
    let rows = db.query(&sql, &parameters).await?;
    Ok(rows.iter().map(undelivered).collect())
}

/// Where a user's delivered mark stands after it was written.
#[derive(Debug)]
pub struct Standing {
    /// Up to which `seq`: below the end of the range that was written, where something under it is still undelivered.
    pub seq: i64,
    /// The connections of those to tell, where the mark moved; none where it did not.
    pub connections: Vec<Connection>,
}

/// Writes delivered marks, all in one statement, and returns where each stands then. A user's side of a conversation may be among them
/// once.
///
/// # Errors
/// [`DbError`] where the database does not answer; the marks lag then.
pub async fn mark_delivered(db: &Database, marks: &[Mark]) -> Result<Vec<Standing>, DbError> {
    let conversations: Vec<&Uuid> = marks.iter().map(|mark| mark.conversation_id.as_uuid()).collect();
    let users: Vec<&Uuid> = marks.iter().map(|mark| mark.user_id.as_uuid()).collect();
    let from: Vec<i64> = marks.iter().map(|mark| *mark.seqs.start()).collect();
    let to: Vec<i64> = marks.iter().map(|mark| *mark.seqs.end()).collect();
    let rows = db
        .query(
            "select seq, connection_ids, connections_open from move_delivered_marks($1, $2, $3, $4)",
            &[
                (&conversations, Type::UUID_ARRAY),
                (&users, Type::UUID_ARRAY),
                (&from, Type::INT8_ARRAY),
                (&to, Type::INT8_ARRAY),
            ],
        )
        .await?;
    let standing = |row: &Row| Standing {
        seq: row.get::<_, Option<i64>>("seq").unwrap_or(0),
        connections: connections(row),
    };
    Ok(rows.iter().map(standing).collect())
}

/// A point in the order of transactions: see [`settled`].
#[derive(Debug, Clone)]
pub struct Horizon(String);

/// The point after which every new transaction sees what is committed by now.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn horizon(db: &Database) -> Result<Horizon, DbError> {
    let row = db
        .query_one("select pg_snapshot_xmax(pg_current_snapshot())::text as horizon", &[])
        .await?;
    Ok(Horizon(row.get("horizon")))
}

/// Whether every transaction from before `horizon` has ended. A send that did not see a connection's row yet can commit after that
/// connection looked for undelivered messages; once this holds, no such send is left.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn settled(db: &Database, horizon: &Horizon) -> Result<bool, DbError> {
    let row = db
        .query_one(
            "select pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 as settled",
            &[(&horizon.0, Type::TEXT)],
        )
        .await?;
    Ok(row.get("settled"))
}

fn undelivered(row: &Row) -> Undelivered {
    Undelivered {
        message: message_from(row),
        sender_username: row.get("sender_username"),
    }
}
