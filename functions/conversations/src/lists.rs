//! Lists: conversations, their messages, their changes.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::LINK;
use serde::Serialize;
use shared::db::feed::Entry;
use shared::domain::{Activity, ConversationId, Invalid, PageSize};
use shared::fields::Fields;
use shared::http::{CurrentUser, PathId, Problem, Query};
use shared::service::conversations::{self, Conversation, Page, Place};

use super::Services;
use super::view::{ChangesView, ConversationView, MessageView};

pub(super) async fn list(
    State(Services { db, .. }): State<Services>,
    CurrentUser(user): CurrentUser,
    Query(mut fields): Query,
) -> Result<Response, Problem> {
    let size = size(&mut fields);
    let before = fields.optional("before", Activity::parse);
    let (Some(size), Some(before)) = (size, before) else {
        return Err(fields.refusal().into());
    };
    let page = conversations::list(&db, user, size, before).await?;
    let next = next(&page, |last: &Conversation| {
        let cursor = Activity {
            time: last.overview.active_at,
            conversation_id: last.overview.id,
        };
        format!("/conversations?limit={}&before={cursor}", size.rows())
    });
    Ok(answer::<_, ConversationView>(page, next))
}

pub(super) async fn list_messages(
    State(Services { db, .. }): State<Services>,
    CurrentUser(user): CurrentUser,
    PathId(conversation): PathId<ConversationId>,
    Query(mut fields): Query,
) -> Result<Response, Problem> {
    let size = size(&mut fields);
    let (Some(size), Some(place)) = (size, place(&mut fields)) else {
        return Err(fields.refusal().into());
    };
    let page = conversations::list_messages(&db, user, conversation, size, place).await?;
    let cursor = match place {
        Place::Before(_) => "before",
        Place::After(_) => "after",
    };
    let next = next(&page, |last: &Entry| {
        let seq = last.message.seq;
        format!(
            "/conversations/{conversation}/messages?limit={}&{cursor}={seq}",
            size.rows()
        )
    });
    Ok(answer::<_, MessageView>(page, next))
}

pub(super) async fn list_changes(
    State(Services { db, .. }): State<Services>,
    CurrentUser(user): CurrentUser,
    PathId(conversation): PathId<ConversationId>,
    Query(mut fields): Query,
) -> Result<Json<ChangesView>, Problem> {
    let size = size(&mut fields);
    let after = fields.optional("after", whole_number);
    let (Some(size), Some(after)) = (size, after) else {
        return Err(fields.refusal().into());
    };
    let changes = conversations::list_changes(&db, user, conversation, size, after.unwrap_or(0)).await?;
    Ok(Json(changes.into()))
}

fn size(fields: &mut Fields) -> Option<PageSize> {
    let size = fields.optional("limit", PageSize::parse)?;
    Some(size.unwrap_or(PageSize::DEFAULT))
}

/// The newest messages where the client names no place.
fn place(fields: &mut Fields) -> Option<Place> {
    let before = fields.optional("before", whole_number)?;
    let after = fields.optional("after", whole_number)?;
    match (before, after) {
        (Some(_), Some(_)) => {
            fields.refuse("after", "must not be given together with before");
            None
        }
        (None, Some(after)) => Some(Place::After(after)),
        (before, None) => Some(Place::Before(before.unwrap_or(i64::MAX))),
    }
}

fn whole_number(text: &str) -> Result<i64, Invalid> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.ok_or_else(|| Invalid::new("must be a whole number from 0"))
}

/// Where the next page is (RFC 8288), relative to this one: behind a proxy nobody here knows the public host.
fn next<T>(page: &Page<T>, path: impl FnOnce(&T) -> String) -> Option<HeaderValue> {
    let last = page.items.last().filter(|_| page.has_more)?;
    format!("<{}>; rel=\"next\"", path(last)).parse().ok()
}

fn answer<T, V: From<T> + Serialize>(page: Page<T>, next: Option<HeaderValue>) -> Response {
    let views: Vec<V> = page.items.into_iter().map(V::from).collect();
    let mut response = Json(views).into_response();
    if let Some(next) = next {
        response.headers_mut().insert(LINK, next);
    }
    response
}
