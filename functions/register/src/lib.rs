//! `POST /auth/register`: a new account.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::StatusCode;
use shared::crypto::Passwords;
use shared::db::Database;
use shared::domain::{Email, Password, Username};
use shared::fields::Fields;
use shared::http::{JsonObject, Problem, RateLimited, Source, public};
use shared::service::accounts::{self, NewUser};

#[derive(Clone)]
struct Services {
    db: Database,
    passwords: Passwords,
}

/// The function's routes.
pub fn router(db: Database, passwords: Passwords) -> Router {
    let routes = Router::new().route("/auth/register", post(register));
    public(routes.with_state(Services { db, passwords }))
}

async fn register(
    State(services): State<Services>,
    Source(source): Source,
    JsonObject(fields): JsonObject,
) -> Result<RateLimited<StatusCode>, Problem> {
    let new = new_user(fields)?;
    let quota = accounts::register(&services.db, &services.passwords, new, source).await?;
    Ok(RateLimited(quota, StatusCode::CREATED))
}

fn new_user(mut fields: Fields) -> Result<NewUser, shared::Error> {
    let username = fields.required("username", Username::parse);
    let email = fields.required("email", Email::parse);
    let password = fields.required("password", Password::parse);
    match (username, email, password) {
        (Some(username), Some(email), Some(password)) => Ok(NewUser {
            username,
            email,
            password,
        }),
        _ => Err(fields.refusal()),
    }
}
