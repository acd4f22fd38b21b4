//! `GET /users/me` and `PUT /users/me/update`: one's own account. `GET /users/search`: finding others.

use axum::extract::State;
use axum::routing::{get, put};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::Error;
use shared::crypto::Tokens;
use shared::db::Database;
use shared::db::users::{Found, User};
use shared::domain::{Email, NamePrefix, UserId, Username};
use shared::error::FieldError;
use shared::fields::Fields;
use shared::http::{CurrentUser, JsonObject, Problem, Query, authenticated};
use shared::service::accounts;

#[derive(Serialize)]
struct ProfileView {
    id: UserId,
    username: String,
    email: String,
    #[serde(serialize_with = "shared::time::rfc3339")]
    created: DateTime<Utc>,
}

#[derive(Serialize)]
struct UpdatedView {
    id: UserId,
    username: String,
    email: String,
    #[serde(serialize_with = "shared::time::rfc3339")]
    updated: DateTime<Utc>,
}

/// Somebody else's account: never their e-mail address.
#[derive(Serialize)]
struct FoundView {
    id: UserId,
    username: String,
}

/// The function's routes.
pub fn router(db: Database, tokens: Tokens) -> Router {
    let routes = Router::new()
        .route("/users/me", get(show))
        .route("/users/search", get(search))
        .route("/users/me/update", put(update));
    authenticated(routes.with_state(db.clone()), tokens, db)
}

async fn show(State(db): State<Database>, CurrentUser(user): CurrentUser) -> Result<Json<ProfileView>, Problem> {
    let User {
        id,
        username,
        email,
        created_at: created,
        ..
    } = accounts::profile(&db, user).await?;
    Ok(Json(ProfileView {
        id,
        username,
        email,
        created,
    }))
}

async fn update(
    State(db): State<Database>,
    CurrentUser(user): CurrentUser,
    JsonObject(fields): JsonObject,
) -> Result<Json<UpdatedView>, Problem> {
    let (username, email) = changes(fields)?;
    let User {
        id,
        username,
        email,
        updated_at: updated,
        ..
    } = accounts::update_profile(&db, user, username.as_ref(), email.as_ref()).await?;
    Ok(Json(UpdatedView {
        id,
        username,
        email,
        updated,
    }))
}

async fn search(
    State(db): State<Database>,
    CurrentUser(_): CurrentUser,
    Query(mut fields): Query,
) -> Result<Json<Vec<FoundView>>, Problem> {
    let prefix = fields.required("q", NamePrefix::parse);
    let prefix = prefix.ok_or_else(|| fields.refusal())?;
    let found = accounts::search(&db, &prefix).await?;
    let views = found
        .into_iter()
        .map(|Found { id, username }| FoundView { id, username });
    Ok(Json(views.collect()))
}

fn changes(mut fields: Fields) -> Result<(Option<Username>, Option<Email>), Error> {
    let username = fields.optional("username", Username::parse);
    let email = fields.optional("email", Email::parse);
    match (username, email) {
        (Some(None), Some(None)) => Err(Error::Invalid(vec![
            FieldError::new("username", "is required where email is not given"),
            FieldError::new("email", "is required where username is not given"),
        ])),
        (Some(username), Some(email)) => Ok((username, email)),
        _ => Err(fields.refusal()),
    }
}
