//! HTTP: requests in, answers and problems out. A function's router is wrapped by [`public`] or [`authenticated`].

mod auth;
mod body;
mod context;
mod path;
mod problem;
mod query;
mod quota;

pub use auth::{CurrentUser, bearer_token};
pub use body::{JsonObject, OptionalJsonObject};
pub use context::Source;
pub use path::{PathId, not_an_id};
pub use problem::Problem;
pub use query::Query;
pub use quota::RateLimited;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};

use crate::crypto::Tokens;
use crate::db::Database;

/// A function for everyone: its errors become problem documents.
pub fn public(router: Router) -> Router {
    // A router of its own around it: `Allow` is added to a refusal outside of a router's layers.
    Router::new().fallback_service(router).layer(from_fn(problem::render))
}

/// A function for users: it takes a token in `Authorization`, counts against the user's requests, and has [`CurrentUser`] to
/// extract.
pub fn authenticated(router: Router, tokens: Tokens, db: Database) -> Router {
    let gate = auth::Gate { tokens, db };
    public(router.layer(from_fn_with_state(gate, auth::authenticate)))
}
