//! Opening a conversation, and the life of a group.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use shared::Error;
use shared::db::groups::{Change, ChangeKind};
use shared::domain::{ConversationId, GroupName, Invalid, Role, UserId};
use shared::fields::Fields;
use shared::http::{CurrentUser, JsonObject, OptionalJsonObject, PathId, Problem};
use shared::service::conversations;
use shared::service::groups::{self, MAX_MEMBERS};

use super::Services;
use super::view::ConversationView;

/// Somebody's part in a group as it stands after the call.
#[derive(Serialize)]
pub(super) struct MembershipView {
    conversation_id: ConversationId,
    user_id: UserId,
    role: Option<Role>,
    removed: bool,
    version: i64,
}

/// What a client wants to open.
enum Wanted {
    Direct(UserId),
    /// The others beside the caller.
    Group(GroupName, BTreeSet<UserId>),
}

pub(super) async fn open(
    State(Services { db, delivery }): State<Services>,
    CurrentUser(user): CurrentUser,
    JsonObject(fields): JsonObject,
) -> Result<Response, Problem> {
    let (status, conversation) = match wanted(user, fields)? {
        Wanted::Direct(other) => (StatusCode::OK, conversations::open_direct(&db, user, other).await?),
        Wanted::Group(name, others) => {
            let group = conversations::create_group(&delivery, user, &name, &others).await?;
            (StatusCode::CREATED, group)
        }
    };
    Ok((status, Json(ConversationView::from(conversation))).into_response())
}

pub(super) async fn rename(
    State(Services { delivery, .. }): State<Services>,
    CurrentUser(user): CurrentUser,
    PathId(conversation): PathId<ConversationId>,
    JsonObject(mut fields): JsonObject,
) -> Result<Json<ConversationView>, Problem> {
    let name = fields.required("name", GroupName::parse);
    let name = name.ok_or_else(|| fields.refusal())?;
    let group = conversations::rename_group(&delivery, user, conversation, &name).await?;
    Ok(Json(group.into()))
}

pub(super) async fn set_member(
    State(Services { delivery, .. }): State<Services>,
    CurrentUser(actor): CurrentUser,
    PathId(conversation): PathId<ConversationId>,
    PathId(user): PathId<UserId>,
    OptionalJsonObject(mut fields): OptionalJsonObject,
) -> Result<Json<MembershipView>, Problem> {
    let role = fields.optional("role", Role::parse);
    let role = role.ok_or_else(|| fields.refusal())?;
    let change = groups::set_member(&delivery, actor, conversation, user, role).await?;
    Ok(Json(change.into()))
}

pub(super) async fn remove_member(
    State(Services { delivery, .. }): State<Services>,
    CurrentUser(actor): CurrentUser,
    PathId(conversation): PathId<ConversationId>,
    PathId(user): PathId<UserId>,
) -> Result<Json<MembershipView>, Problem> {
    let change = groups::remove_member(&delivery, actor, conversation, user).await?;
    Ok(Json(change.into()))
}

fn wanted(caller: UserId, mut fields: Fields) -> Result<Wanted, Error> {
    let user = fields.optional("user_id", UserId::parse);
    let name = fields.optional("name", GroupName::parse);
    let others = fields.optional_value("user_ids", |value| others(caller, value));
    match (user, name, others) {
        (Some(Some(user)), Some(None), Some(None)) => Ok(Wanted::Direct(user)),
        (Some(None), Some(Some(name)), Some(Some(others))) => Ok(Wanted::Group(name, others)),
        (Some(_), Some(_), Some(_)) => {
            fields.refuse("user_id", "is required, or else both name and user_ids");
            Err(fields.refusal())
        }
        _ => Err(fields.refusal()),
    }
}

/// The members of a new group beside its owner, who may be named too, and anybody twice. The body's size bounds how many are read.
fn others(owner: UserId, value: &Value) -> Result<BTreeSet<UserId>, Invalid> {
    let ids = value.as_array().ok_or_else(|| Invalid::new("must be an array"))?;
    let read = |id: &Value| UserId::parse(id.as_str().unwrap_or_default());
    let mut others: BTreeSet<_> = ids.iter().map(read).collect::<Result<_, _>>()?;
    others.remove(&owner);
    if others.len() >= MAX_MEMBERS {
        let (most, count) = (MAX_MEMBERS - 1, others.len());
        return Err(Invalid::new(format!("must name at most {most} others, not {count}")));
    }
    Ok(others)
}

impl From<Change> for MembershipView {
    fn from(change: Change) -> Self {
        Self {
            conversation_id: change.conversation_id,
            user_id: change.user_id,
            role: change.role,
            removed: change.kind == ChangeKind::Removed,
            version: change.version,
        }
    }
}
