//! A user's conversations, direct and groups: what there is, who takes part, what was said, what changed, and how far it is read.

mod groups;
mod lists;
mod reading;
mod view;

use axum::Router;
use axum::routing::{get, patch, post, put};
use shared::crypto::Tokens;
use shared::db::Database;
use shared::domain::{ConversationId, UserId};
use shared::http::{PathId, Problem, authenticated, not_an_id};
use shared::service::Delivery;

/// What the handlers work with.
#[derive(Clone)]
struct Services {
    db: Database,
    delivery: Delivery,
}

/// The function's routes.
pub fn router(db: Database, tokens: Tokens, delivery: Delivery) -> Router {
    let routes = Router::new()
        .route("/conversations", get(lists::list).post(groups::open))
        .route("/conversations/{id}", patch(groups::rename))
        .route("/conversations/{id}/messages", get(lists::list_messages))
        .route("/conversations/{id}/changes", get(lists::list_changes))
        .route("/conversations/{id}/read", post(reading::read_conversation))
        .route(
            "/conversations/{id}/members/{userId}",
            put(groups::set_member).delete(groups::remove_member),
        )
        .route("/messages/{id}/read", post(reading::read_message))
        .fallback(no_ids)
        .method_not_allowed_fallback(no_ids);
    let services = Services {
        db: db.clone(),
        delivery,
    };
    authenticated(routes.with_state(services), tokens, db)
}

/// What is answered where a segment of the path is none once decoded: the first that is no id.
async fn no_ids(PathId(_): PathId<ConversationId>) -> Result<(), Problem> {
    not_an_id::<UserId>().await
}
