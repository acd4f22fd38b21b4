//! What changed in a conversation above a version that a client knows.
//!
//! Every change has a position, the version that it took. A message stands at the version at which it was stored, as it is now; if it
//! was stored at or below the version that the client knows, it stands at that of its last change. So a message that is edited
//! while somebody catches up is never skipped: it stays where it was stored.

use std::collections::BTreeMap;

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::messages::message_from;
use super::{Database, DbError, Parameter};
use crate::domain::{ClientId, ConversationId, Invalid, Message, Role, UserId};

/// A conversation of a user, as far as it concerns them.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Which.
    pub conversation_id: ConversationId,
    /// Its version; for a former member the one at which they were removed.
    pub version: i64,
    /// They see messages with a greater `seq`.
    pub joined_seq: i64,
    /// Whether they were removed.
    pub is_former: bool,
    /// What it is called, a group; for a former member what it was called when they were removed.
    pub name: Option<String>,
    /// The version at which it got this name.
    pub name_version: i64,
}

/// A message with what a client is told beside it.
#[derive(Debug)]
pub struct Entry {
    /// The message as the user sees it.
    pub message: Message,
    /// Its sender's name.
    pub sender_username: String,
    /// The user's own name for it, where they sent it.
    pub client_id: Option<ClientId>,
    /// The version at which it was stored.
    pub created_version: i64,
}

/// A member whose part or watermarks changed.
#[derive(Debug, Clone)]
pub struct MemberState {
    /// Who.
    pub user_id: UserId,
    /// Their user name.
    pub username: String,
    /// What they are, or were.
    pub role: Role,
    /// Whether they were removed.
    pub removed: bool,
    /// The version at which their part last changed.
    pub version: i64,
    /// The version at which a watermark of theirs last moved.
    pub marks_version: i64,
    /// Up to where they read.
    pub read_seq: i64,
    /// Up to where their devices have it.
    pub delivered_seq: i64,
}

/// The versions above which and up to which something is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// What the client knows.
    pub after: i64,
    /// The last one that is looked at.
    pub upto: i64,
}

const SCOPE_COLUMNS: &str =
    "c.id, coalesce(m.left_version, c.version) as version, m.joined_seq, m.left_version is not null as is_former,
     coalesce(m.left_name, c.name) as name, c.name_version";

/// The conversations that a sync looks at, `limit` at most: of those that the client named, with the version that it knows, and those with the
/// newest activity, first those where that is not the version at hand.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn list_scopes(
    db: &Database,
    user: UserId,
    known: &BTreeMap<ConversationId, i64>,
    limit: i64,
) -> Result<Vec<Scope>, DbError> {
    let named: Vec<&Uuid> = known.keys().map(ConversationId::as_uuid).collect();
    let versions: Vec<i64> = known.values().copied().collect();
    let sql = format!(
        "select {SCOPE_COLUMNS}
         from (
             select conversation_id from unnest($2) as named (conversation_id)
             union
             select conversation_id from recent_conversations($1, null, null, $3)
         ) wanted
         cross join lateral (
             select * from members where conversation_id = wanted.conversation_id and user_id = $1 offset 0
         ) m
         join conversations c on c.id = m.conversation_id
         left join unnest($2, $4) as known (id, version) on known.id = c.id
         order by coalesce(m.left_version, c.version) is distinct from known.version desc, known.id is not null desc,
             case when m.left_seq is null then greatest(c.last_message_at, c.created_at) else m.active_at end desc, c.id
         limit $3"
    );
    let parameters = [
        (user.as_uuid() as _, Type::UUID),
        (&named as _, Type::UUID_ARRAY),
        (&limit as _, Type::INT8),
        (&versions as _, Type::INT8_ARRAY),
    ];
    let rows = db.query(&sql, &parameters).await?;
    Ok(rows.iter().map(scope).collect())
}

/// A user's part in a conversation; `None` where they never had one.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn find_scope(db: &Database, user: UserId, conversation: ConversationId) -> Result<Option<Scope>, DbError> {
    let sql = format!(
        "select {SCOPE_COLUMNS}
         from members m join conversations c on c.id = m.conversation_id
         where m.user_id = $1 and m.conversation_id = $2"
    );
    let parameters = [
        (user.as_uuid() as _, Type::UUID),
        (conversation.as_uuid() as _, Type::UUID),
    ];
    Ok(db.query_opt(&sql, &parameters).await?.as_ref().map(scope))
}

fn scope(row: &Row) -> Scope {
    Scope {
        conversation_id: ConversationId::from(row.get::<_, Uuid>("id")),
        version: row.get("version"),
        joined_seq: row.get("joined_seq"),
        is_former: row.get("is_former"),
        name: row.get("name"),
        name_version: row.get("name_version"),
    }
}

/// What a user sees of a message: to a former member one that changed after they were removed is as good as deleted.
const ENTRY_COLUMNS: &str =
    "m.id, m.conversation_id, m.seq, m.created_version, m.sender_id, m.content, m.reply_to, m.created_at,
     case when m.version > part.left_version then null else m.edited_at end as edited_at,
     u.username as sender_username,
     case when m.version > part.left_version then m.created_version else m.version end as version,
     m.deleted_at is not null or coalesce(m.version > part.left_version, false) as deleted,
     case m.sender_id when $1 then m.client_id end as client_id,
     case m.sender_id when part.low_user then part.high_user when part.high_user then part.low_user end as receiver_id";

/// The messages of the conversation `$2` that the user `$1`, whose part in it is `part`, may see. Conditions, an order and a limit follow
/// it, before anything is joined: by what it takes for the length of a conversation, the planner would else read all of one to have a page.
pub(super) const VISIBLE: &str = "select * from messages m
     where m.conversation_id = $2
         and m.seq > (select joined_seq from part)
         and m.seq <= (select coalesce(left_seq, 9223372036854775807) from part)";

/// Reads the messages of `page`, a statement that begins with [`VISIBLE`], as the user sees them. What is the same for all of them is read
/// once, not joined to each.
pub(super) fn entries(page: &str) -> String {
    format!(
        "with part as materialized (
             select me.joined_seq, me.left_seq, me.left_version, c.last_seq, c.low_user, c.high_user
             from members me join conversations c on c.id = me.conversation_id
             where me.conversation_id = $2 and me.user_id = $1
         )
         select {ENTRY_COLUMNS} from ({page}) m
         cross join part
         join users u on u.id = m.sender_id"
    )
}

/// The messages that were stored within the window, oldest first.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn list_stored(
    db: &Database,
    user: UserId,
    conversation: ConversationId,
    window: Window,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    let page =
        format!("{VISIBLE} and m.seq >= first_seq_above($2, $3) and m.created_version <= $4 order by m.seq limit $5");
    let sql = entries(&page) + " order by m.seq";
    let parameters = [
        (user.as_uuid() as _, Type::UUID),
        (conversation.as_uuid() as _, Type::UUID),
        (&window.after as _, Type::INT8),
        (&window.upto as _, Type::INT8),
        (&limit as _, Type::INT8),
    ];
    list(db, &sql, &parameters).await
}

/// The messages that were changed after they were stored, and the last time within the window, in the order of their versions.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn list_changed(
    db: &Database,
    user: UserId,
    conversation: ConversationId,
    window: Window,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    let page = format!(
        "{VISIBLE} and m.version > m.created_version and m.version > $3 and m.version <= $4 order by m.version limit $5"
    );
    let sql = entries(&page) + " order by m.version";
    let parameters = [
        (user.as_uuid() as _, Type::UUID),
        (conversation.as_uuid() as _, Type::UUID),
        (&window.after as _, Type::INT8),
        (&window.upto as _, Type::INT8),
        (&limit as _, Type::INT8),
    ];
    list(db, &sql, &parameters).await
}

/// Runs a statement whose rows have [`ENTRY_COLUMNS`].
pub(super) async fn list(db: &Database, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Entry>, DbError> {
    let rows = db.query(sql, parameters).await?;
    rows.iter().map(entry).collect()
}

pub(super) fn entry(row: &Row) -> Result<Entry, DbError> {
    let client_id = row.get::<_, Option<&str>>("client_id").map(ClientId::parse).transpose();
    Ok(Entry {
        message: message_from(row),
        sender_username: row.get("sender_username"),
        client_id: client_id.map_err(|invalid| unreadable(&invalid))?,
        created_version: row.get("created_version"),
    })
}

/// The members whose part or watermarks changed within the window, as they stand now. Who was removed before the user joined is not
/// among them, and a former member sees of all that their own removal.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn list_members(
    db: &Database,
    user: UserId,
    scope: &Scope,
    window: Window,
) -> Result<Vec<MemberState>, DbError> {
    let rows = db
        .query(
            "select m.user_id, u.username, m.role, m.left_seq is not null as removed, m.version, m.marks_version,
                 m.read_seq, m.delivered_seq
             from members m
             join users u on u.id = m.user_id
             join members me on me.conversation_id = m.conversation_id and me.user_id = $1
             where m.conversation_id = $2 and (m.user_id = $1 or not $3)
                 and (m.left_version is null or m.left_version > me.joined_version)
                 and ((m.version > $4 and m.version <= $5) or (m.marks_version > $4 and m.marks_version <= $5))
             order by greatest(m.version, m.marks_version), m.user_id",
            &[
                (user.as_uuid(), Type::UUID),
                (scope.conversation_id.as_uuid(), Type::UUID),
                (&scope.is_former, Type::BOOL),
                (&window.after, Type::INT8),
                (&window.upto, Type::INT8),
            ],
        )
        .await?;
    rows.iter().map(member).collect()
}

fn member(row: &Row) -> Result<MemberState, DbError> {
    Ok(MemberState {
        user_id: UserId::from(row.get::<_, Uuid>("user_id")),
        username: row.get("username"),
        role: Role::parse(row.get("role")).map_err(|invalid| unreadable(&invalid))?,
        removed: row.get("removed"),
        version: row.get("version"),
        marks_version: row.get("marks_version"),
        read_seq: row.get("read_seq"),
        delivered_seq: row.get("delivered_seq"),
    })
}

/// A value that this code does not know: the schema is newer than it.
fn unreadable(invalid: &Invalid) -> DbError {
    DbError::Refused(format!("a value of the database {invalid}"))
}
