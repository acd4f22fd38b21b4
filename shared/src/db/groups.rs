//! The life of a group: who takes part, as what, and what it is called.

use std::collections::BTreeSet;

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connections::Connection;
use super::messages::{connections, unknown_status};
use super::{Database, Parameter};
use crate::Error;
use crate::domain::{ConversationId, GroupName, Invalid, Role, UserId};

/// What became of a group, and whom to tell.
#[derive(Debug, Clone)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// Where.
    pub conversation_id: ConversationId,
    /// The group's version since then.
    pub version: i64,
    /// What the group is called.
    pub name: String,
    /// Whom it is about.
    pub user_id: UserId,
    /// Their user name, where it is about a member.
    pub username: Option<String>,
    /// What they are, or were, where it is about a member.
    pub role: Option<Role>,
    /// Whom to tell: all members of now, and who was removed. Nobody where nothing changed.
    pub audience: Vec<Recipient>,
}

/// A connection of somebody who is told of a change.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// Who.
    pub user_id: UserId,
    /// Their user name.
    pub username: String,
    /// One of their connections.
    pub connection: Connection,
}

/// What can happen to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was made.
    Created,
    /// Somebody takes part now.
    Added,
    /// A member has another role.
    RoleChanged,
    /// Somebody takes part no more.
    Removed,
    /// It has another name.
    Renamed,
    /// It was as asked for already.
    Unchanged,
}

/// Makes a group of its owner and others, who may be named twice.
///
/// # Errors
/// [`Error::UnknownUser`], or what the database says.
pub async fn create(
    db: &Database,
    owner: UserId,
    name: &GroupName,
    others: &BTreeSet<UserId>,
) -> Result<Change, Error> {
    let others: Vec<&Uuid> = others.iter().map(UserId::as_uuid).collect();
    let conversation = ConversationId::generate();
    let parameters = [
        (owner.as_uuid() as _, Type::UUID),
        (conversation.as_uuid() as _, Type::UUID),
        (&name.as_str() as _, Type::TEXT),
        (&others as _, Type::UUID_ARRAY),
    ];
    change(db, "select * from create_group($1, $2, $3, $4)", &parameters).await
}

/// Adds a user to a group, or changes the role of a member.
///
/// # Errors
/// What [`Error`] has for a group that the actor may not change like that, or what the database says.
pub async fn set_member(
    db: &Database,
    actor: UserId,
    conversation: ConversationId,
    user: UserId,
    role: Option<Role>,
) -> Result<Change, Error> {
    let parameters = [
        (actor.as_uuid() as _, Type::UUID),
        (conversation.as_uuid() as _, Type::UUID),
        (user.as_uuid() as _, Type::UUID),
        (&role.map(Role::as_str) as _, Type::TEXT),
    ];
    change(db, "select * from set_member($1, $2, $3, $4)", &parameters).await
}

/// Removes a member of a group; who removes themselves leaves.
///
/// # Errors
/// What [`Error`] has for a group that the actor may not change like that, or what the database says.
pub async fn remove_member(
    db: &Database,
    actor: UserId,
    conversation: ConversationId,
    user: UserId,
) -> Result<Change, Error> {
    let parameters = [
        (actor.as_uuid() as _, Type::UUID),
        (conversation.as_uuid() as _, Type::UUID),
        (user.as_uuid() as _, Type::UUID),
    ];
    change(db, "select * from remove_member($1, $2, $3)", &parameters).await
}

/// Names a group anew.
///
/// # Errors
/// What [`Error`] has for a group that the actor may not change like that, or what the database says.
pub async fn rename(
    db: &Database,
    actor: UserId,
    conversation: ConversationId,
    name: &GroupName,
) -> Result<Change, Error> {
    let parameters = [
        (actor.as_uuid() as _, Type::UUID),
        (conversation.as_uuid() as _, Type::UUID),
        (&name.as_str() as _, Type::TEXT),
    ];
    change(db, "select * from rename_group($1, $2, $3)", &parameters).await
}

async fn change(db: &Database, sql: &str, parameters: &[Parameter<'_>]) -> Result<Change, Error> {
    let row = db.query_one(sql, parameters).await?;
    let kind = match row.get("status") {
        "created" => ChangeKind::Created,
        "added" => ChangeKind::Added,
        "role_changed" => ChangeKind::RoleChanged,
        "removed" => ChangeKind::Removed,
        "renamed" => ChangeKind::Renamed,
        "unchanged" => ChangeKind::Unchanged,
        "unknown_conversation" => return Err(Error::UnknownConversation),
        "unknown_user" => return Err(Error::UnknownUser),
        "unknown_member" => return Err(Error::UnknownMember),
        "forbidden" => return Err(Error::Forbidden("their role in the group does not allow it")),
        "not_a_group" => return Err(Error::NotAGroup),
        "last_owner" => return Err(Error::LastOwner),
        "group_full" => return Err(Error::GroupFull),
        status => return Err(unknown_status(sql, status)),
    };
    read(&row, kind).map_err(|invalid| Error::Internal(invalid.into()))
}

fn read(row: &Row, kind: ChangeKind) -> Result<Change, Invalid> {
    let role = row.get::<_, Option<&str>>("role").map(Role::parse).transpose()?;
    let owners: Vec<Uuid> = row.get::<_, Option<_>>("connection_users").unwrap_or_default();
    let names: Vec<String> = row.get::<_, Option<_>>("connection_usernames").unwrap_or_default();
    let owners = owners.into_iter().map(UserId::from).zip(names);
    let recipients = owners.zip(connections(row));
    Ok(Change {
        kind,
        conversation_id: ConversationId::from(row.get::<_, Uuid>("conversation_id")),
        version: row.get("version"),
        name: row.get("name"),
        user_id: UserId::from(row.get::<_, Uuid>("user_id")),
        username: row.get("username"),
        role,
        audience: recipients
            .map(|((user_id, username), connection)| Recipient {
                user_id,
                username,
                connection,
            })
            .collect(),
    })
}
