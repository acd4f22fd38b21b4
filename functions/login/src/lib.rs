//! `POST /auth/login`: a token for an e-mail address and a password.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;
use shared::crypto::{Passwords, Tokens};
use shared::db::Database;
use shared::fields::Fields;
use shared::http::{JsonObject, Problem, RateLimited, Source, public};
use shared::service::accounts;

#[derive(Clone)]
struct Services {
    db: Database,
    passwords: Passwords,
    tokens: Tokens,
}

#[derive(Serialize)]
struct TokenView {
    token: String,
}

/// The function's routes.
pub fn router(db: Database, passwords: Passwords, tokens: Tokens) -> Router {
    let routes = Router::new().route("/auth/login", post(log_in));
    public(routes.with_state(Services { db, passwords, tokens }))
}

async fn log_in(
    State(services): State<Services>,
    Source(source): Source,
    JsonObject(fields): JsonObject,
) -> Result<RateLimited<Json<TokenView>>, Problem> {
    let (email, password) = credentials(fields)?;
    let Services { db, passwords, tokens } = &services;
    let (token, quota) = accounts::log_in(db, passwords, tokens, &email, password, source).await?;
    Ok(RateLimited(Some(quota), Json(TokenView { token })))
}

/// Any two texts will do: what no account can have is a wrong password like any other.
fn credentials(mut fields: Fields) -> Result<(String, String), shared::Error> {
    let email = fields.required("email", |text| Ok(text.to_owned()));
    let password = fields.required("password", |text| Ok(text.to_owned()));
    email.zip(password).ok_or_else(|| fields.refusal())
}
