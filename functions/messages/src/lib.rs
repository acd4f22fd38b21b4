//! `PATCH /messages/{id}` and `DELETE /messages/{id}`: editing and deleting one's own messages, with their older spellings.

use axum::extract::State;
use axum::routing::any;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::Error;
use shared::crypto::Tokens;
use shared::db::Database;
use shared::domain::Message;
use shared::domain::{Content, MessageId, UserId};
use shared::fields::Fields;
use shared::http::{CurrentUser, JsonObject, PathId, Problem, authenticated, not_an_id};
use shared::service::{Delivery, messages};

#[derive(Clone)]
struct Services {
    db: Database,
    delivery: Delivery,
}

#[derive(Serialize)]
struct MessageView {
    id: MessageId,
    sender_id: UserId,
    /// Null in a group.
    receiver_id: Option<UserId>,
    content: String,
    is_deleted: bool,
    #[serde(serialize_with = "shared::time::rfc3339_option")]
    edited_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "shared::time::rfc3339")]
    created_at: DateTime<Utc>,
}

/// The function's routes.
pub fn router(db: Database, tokens: Tokens, delivery: Delivery) -> Router {
    // Other methods come only where an id that is none leads to another path than the gateway's route. `any` keeps axum from adding `Allow`.
    let other = || any(not_an_id::<MessageId>);
    let routes = Router::new()
        .route("/messages/{id}", other().patch(edit).put(edit).delete(remove))
        .route("/messages/{id}/delete", other().delete(remove).post(remove))
        .fallback(not_an_id::<MessageId>);
    let services = Services {
        db: db.clone(),
        delivery,
    };
    authenticated(routes.with_state(services), tokens, db)
}

async fn edit(
    State(Services { db, delivery }): State<Services>,
    CurrentUser(user): CurrentUser,
    PathId(message): PathId<MessageId>,
    JsonObject(fields): JsonObject,
) -> Result<Json<MessageView>, Problem> {
    let content = content(fields)?;
    let message = messages::edit(&db, &delivery, user, message, &content).await?;
    Ok(Json(view(message)))
}

async fn remove(
    State(Services { db, delivery }): State<Services>,
    CurrentUser(user): CurrentUser,
    PathId(message): PathId<MessageId>,
) -> Result<Json<MessageView>, Problem> {
    let message = messages::delete(&db, &delivery, user, message).await?;
    Ok(Json(view(message)))
}

fn content(mut fields: Fields) -> Result<Content, Error> {
    let content = fields.required("content", Content::parse);
    content.ok_or_else(|| fields.refusal())
}

fn view(message: Message) -> MessageView {
    MessageView {
        id: message.id,
        sender_id: message.sender_id,
        receiver_id: message.receiver_id,
        content: message.content,
        is_deleted: message.deleted,
        edited_at: message.edited_at,
        created_at: message.created_at,
    }
}
