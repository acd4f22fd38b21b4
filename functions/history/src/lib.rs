//! `GET /chats/{userId}`: what the user and another wrote to each other, newest first.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use http::HeaderValue;
use http::header::LINK;
use serde::Serialize;
use shared::Error;
use shared::crypto::Tokens;
use shared::db::Database;
use shared::db::history::Entry;
use shared::domain::{Before, MessageId, PageSize, UserId};
use shared::fields::Fields;
use shared::http::{CurrentUser, PathId, Problem, Query, authenticated, not_an_id};
use shared::service::history::{self, Page};

#[derive(Serialize)]
struct EntryView {
    id: MessageId,
    from: UserId,
    to: UserId,
    content: String,
    #[serde(serialize_with = "shared::time::rfc3339")]
    timestamp: DateTime<Utc>,
    #[serde(serialize_with = "shared::time::rfc3339_option")]
    edited_at: Option<DateTime<Utc>>,
    is_read: bool,
    #[serde(serialize_with = "shared::time::rfc3339_option")]
    read_at: Option<DateTime<Utc>>,
}

/// The function's routes.
pub fn router(db: Database, tokens: Tokens) -> Router {
    let routes = Router::new()
        .route("/chats/{userId}", get(list))
        .fallback(not_an_id::<UserId>);
    authenticated(routes.with_state(db.clone()), tokens, db)
}

async fn list(
    State(db): State<Database>,
    CurrentUser(user): CurrentUser,
    PathId(other): PathId<UserId>,
    Query(fields): Query,
) -> Result<Response, Problem> {
    let (size, before) = parameters(fields)?;
    let page = history::page(&db, user, other, size, before).await?;
    let link = next_link(&page, other, size);
    let views = page.entries.into_iter().map(|entry| view(entry, user, other)).collect();
    Ok(respond(Json(views), link))
}

fn parameters(mut fields: Fields) -> Result<(PageSize, Option<Before>), Error> {
    let size = fields.optional("limit", PageSize::parse);
    let before = fields.optional("before", Before::parse);
    match (size, before) {
        (Some(size), Some(before)) => Ok((size.unwrap_or(PageSize::DEFAULT), before)),
        _ => Err(fields.refusal()),
    }
}

/// Where the next page is (RFC 8288), relative to this one: behind a proxy nobody here knows the public host.
fn next_link(page: &Page, other: UserId, size: PageSize) -> Option<HeaderValue> {
    let last = page.entries.last().filter(|_| page.has_more)?;
    let link = format!(
        "</chats/{other}?limit={}&before={}>; rel=\"next\"",
        size.rows(),
        last.id
    );
    link.parse().ok()
}

fn view(entry: Entry, user: UserId, other: UserId) -> EntryView {
    EntryView {
        id: entry.id,
        from: entry.sender_id,
        to: if entry.sender_id == user { other } else { user },
        content: entry.content,
        timestamp: entry.created_at,
        edited_at: entry.edited_at,
        is_read: entry.is_read,
        read_at: entry.read_at,
    }
}

fn respond(views: Json<Vec<EntryView>>, link: Option<HeaderValue>) -> Response {
    let mut response = views.into_response();
    if let Some(link) = link {
        response.headers_mut().insert(LINK, link);
    }
    response
}
