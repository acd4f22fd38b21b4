//! A user's conversations.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::feed::{self, Entry, VISIBLE};
use super::messages::unknown_status;
use super::{Database, DbError};
use crate::Error;
use crate::domain::{Activity, ConversationId, ConversationRef, MessageId, Role, UserId};

/// A conversation as its user sees it.
#[derive(Debug)]
pub struct Overview {
    /// Which.
    pub id: ConversationId,
    /// With whom.
    pub party: Party,
    /// How many messages others wrote above the user's read mark and did not delete, up to 1,000.
    pub unread_count: i64,
    /// The number of its last message.
    pub last_seq: i64,
    /// Its version.
    pub version: i64,
    /// When it was last written to, or made.
    pub active_at: DateTime<Utc>,
}

/// With whom a conversation is.
#[derive(Debug)]
pub enum Party {
    /// One other user.
    User(Person),
    /// A group.
    Group {
        /// What it is called.
        name: String,
        /// Whether the user was removed from it.
        is_former: bool,
    },
}

/// A user as others see them.
#[derive(Debug)]
pub struct Person {
    /// The user's id.
    pub id: UserId,
    /// The user's name.
    pub username: String,
}

/// Somebody who takes part in a group.
#[derive(Debug)]
pub struct GroupMember {
    /// In which group.
    pub conversation_id: ConversationId,
    /// Who.
    pub person: Person,
    /// As what.
    pub role: Role,
}

/// What a former member sees is what was there when they were removed. Unread messages are looked for among the last 10,000: one that
/// writes a lot and never reads must not have all of that counted through.
const OVERVIEW: &str = "select c.id, c.kind, coalesce(me.left_name, c.name) as name, me.left_seq is not null as is_former,
         other.id as other_id, other.username as other_username,
         last.seq as last_seq, coalesce(me.left_version, c.version) as version,
         case when me.left_seq is null then greatest(c.last_message_at, c.created_at) else me.active_at end as active_at,
         case when last.seq > me.read_seq then (
             select count(*) from (
                 select from messages m
                 where m.conversation_id = c.id and m.seq > greatest(me.read_seq, me.joined_seq, last.seq - 10000)
                     and (me.left_seq is null or m.seq <= me.left_seq and m.version <= me.left_version)
                     and m.sender_id <> $1 and m.deleted_at is null
                 limit 1000
             ) unread
         ) else 0 end as unread_count";

/// Where that comes from, for each conversation of `wanted`. With `offset 0` the user's part is looked up by the conversation's id,
/// however few conversations the planner believes them to have.
const OVERVIEWS: &str = "cross join lateral (
         select * from members where conversation_id = wanted.conversation_id and user_id = $1 offset 0
     ) me
     join conversations c on c.id = me.conversation_id
     cross join lateral (select coalesce(me.left_seq, c.last_seq) as seq) last
     left join users other on other.id = case $1 when c.low_user then c.high_user when c.high_user then c.low_user end";

/// A user's conversations below `before`, the newest activity first.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn list(db: &Database, user: UserId, before: Option<Activity>, limit: i64) -> Result<Vec<Overview>, DbError> {
    let sql = format!(
        "{OVERVIEW} from recent_conversations($1, $2, $3, $4) as wanted {OVERVIEWS}
         order by active_at desc, c.id desc"
    );
    let (time, id) = before.map(|before| (before.time, before.conversation_id)).unzip();
    let id = id.as_ref().map(ConversationId::as_uuid);
    let parameters = [
        (user.as_uuid() as _, Type::UUID),
        (&time as _, Type::TIMESTAMPTZ),
        (&id as _, Type::UUID),
        (&limit as _, Type::INT8),
    ];
    let rows = db.query(&sql, &parameters).await?;
    Ok(rows.iter().map(overview).collect())
}

/// One of a user's conversations.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn find(db: &Database, user: UserId, conversation: ConversationId) -> Result<Option<Overview>, DbError> {
    let sql = format!("{OVERVIEW} from (select $2::uuid as conversation_id) as wanted {OVERVIEWS}");
    let parameters = [
        (user.as_uuid() as _, Type::UUID),
        (conversation.as_uuid() as _, Type::UUID),
    ];
    Ok(db.query_opt(&sql, &parameters).await?.as_ref().map(overview))
}

fn overview(row: &Row) -> Overview {
    let party = match row.get::<_, Option<Uuid>>("other_id") {
        Some(id) => Party::User(Person {
            id: UserId::from(id),
            username: row.get("other_username"),
        }),
        None => Party::Group {
            name: row.get("name"),
            is_former: row.get("is_former"),
        },
    };
    Overview {
        id: ConversationId::from(row.get::<_, Uuid>("id")),
        party,
        unread_count: row.get("unread_count"),
        last_seq: row.get("last_seq"),
        version: row.get("version"),
        active_at: row.get("active_at"),
    }
}

/// The last message that the user sees in each of their conversations, where there is one.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn list_last_messages(
    db: &Database,
    user: UserId,
    conversations: &[ConversationId],
) -> Result<Vec<Entry>, DbError> {
    let ids: Vec<&Uuid> = conversations.iter().map(ConversationId::as_uuid).collect();
    let last = format!("{VISIBLE} and m.seq = (select coalesce(left_seq, last_seq) from part) limit 1");
    let sql = format!(
        "select last.* from unnest($2) as named (id) cross join lateral ({} offset 0) last",
        feed::entries(&last).replace("$2", "named.id")
    );
    feed::list(
        db,
        &sql,
        &[(user.as_uuid() as _, Type::UUID), (&ids as _, Type::UUID_ARRAY)],
    )
    .await
}

/// Who takes part in groups, by their names.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn list_members(db: &Database, groups: &[ConversationId]) -> Result<Vec<GroupMember>, Error> {
    let ids: Vec<&Uuid> = groups.iter().map(ConversationId::as_uuid).collect();
    let rows = db
        .query(
            "select members.conversation_id, members.user_id, users.username, members.role
             from members join users on users.id = members.user_id
             where members.conversation_id = any($1) and left_seq is null
             order by users.username_key",
            &[(&ids, Type::UUID_ARRAY)],
        )
        .await?;
    rows.iter().map(group_member).collect()
}

fn group_member(row: &Row) -> Result<GroupMember, Error> {
    let role: &str = row.get("role");
    Ok(GroupMember {
        conversation_id: ConversationId::from(row.get::<_, Uuid>("conversation_id")),
        person: Person {
            id: UserId::from(row.get::<_, Uuid>("user_id")),
            username: row.get("username"),
        },
        role: Role::parse(role).map_err(|_| unknown_status("members", role))?,
    })
}

/// The direct conversation of two users, which is made if need be; `None` where the other does not exist.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn open_direct(db: &Database, user: UserId, other: UserId) -> Result<Option<ConversationId>, DbError> {
    let new = ConversationId::generate();
    let row = db
        .query_one(
            "select find_or_open_direct($1, $2, $3) as id",
            &[
                (new.as_uuid(), Type::UUID),
                (user.as_uuid(), Type::UUID),
                (other.as_uuid(), Type::UUID),
            ],
        )
        .await?;
    Ok(row.get::<_, Option<Uuid>>("id").map(ConversationId::from))
}

/// The conversation of a user that a reference names.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn resolve(
    db: &Database,
    user: UserId,
    reference: ConversationRef,
) -> Result<Option<ConversationId>, DbError> {
    let row = db
        .query_opt(
            "select conversation_id as id from members where user_id = $1 and conversation_id = $2
             union all
             select id from conversations where low_user = least($1, $2) and high_user = greatest($1, $2)
             limit 1",
            &[(user.as_uuid(), Type::UUID), (reference.as_uuid(), Type::UUID)],
        )
        .await?;
    Ok(row.map(|row| ConversationId::from(row.get::<_, Uuid>("id"))))
}

/// Where a message stands that the user may see.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn find_message(
    db: &Database,
    user: UserId,
    message: MessageId,
) -> Result<Option<(ConversationId, i64)>, DbError> {
    let row = db
        .query_opt(
            "select m.conversation_id, m.seq
             from messages m
             join members me on me.conversation_id = m.conversation_id and me.user_id = $1
             where m.id = $2 and m.seq > me.joined_seq and (me.left_seq is null or m.seq <= me.left_seq)",
            &[(user.as_uuid(), Type::UUID), (message.as_uuid(), Type::UUID)],
        )
        .await?;
    Ok(row.map(|row| {
        (
            ConversationId::from(row.get::<_, Uuid>("conversation_id")),
            row.get("seq"),
        )
    }))
}

/// The messages right below a `seq`, newest first.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn list_before(
    db: &Database,
    user: UserId,
    conversation: ConversationId,
    before: i64,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    let page = format!("{VISIBLE} and m.seq < $3 order by m.seq desc limit $4");
    let sql = feed::entries(&page) + " order by m.seq desc";
    list_by_seq(db, &sql, user, conversation, before, limit).await
}

/// The messages right above a `seq`, oldest first.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn list_after(
    db: &Database,
    user: UserId,
    conversation: ConversationId,
    after: i64,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    let page = format!("{VISIBLE} and m.seq > $3 order by m.seq limit $4");
    let sql = feed::entries(&page) + " order by m.seq";
    list_by_seq(db, &sql, user, conversation, after, limit).await
}

async fn list_by_seq(
    db: &Database,
    sql: &str,
    user: UserId,
    conversation: ConversationId,
    seq: i64,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    let parameters = [
        (user.as_uuid() as _, Type::UUID),
        (conversation.as_uuid() as _, Type::UUID),
        (&seq as _, Type::INT8),
        (&limit as _, Type::INT8),
    ];
    feed::list(db, sql, &parameters).await
}
