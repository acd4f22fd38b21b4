//! The answer to `GET`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use crate::gateway::connections::Description;

/// The connection as the SDKs read it. Their models spell the members like this on the wire; what is spelt otherwise they
/// skip without a word.
pub(super) fn answer(description: &Description) -> Response {
    let Description { client, last_active_at } = description;
    let mut identity = json!({ "sourceIp": client.source_ip });
    if let Some(user_agent) = &client.user_agent {
        identity["userAgent"] = json!(user_agent);
    }
    let body = json!({
        "connectedAt": time(client.connected_at),
        "identity": identity,
        "lastActiveAt": time(*last_active_at),
    });
    Json(body).into_response()
}

/// ISO 8601 with milliseconds: `2020-04-30T20:10:33.236Z`.
fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
