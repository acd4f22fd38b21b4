//! `GET /health`: the one route that is the gateway's own.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http::StatusCode;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use serde_json::json;
use tokio::time::timeout;

/// The path of the route.
pub(super) const PATH: &str = "/health";

/// Says whether the database answers. The text of an error goes to the log, not to the client.
pub type HealthCheck = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// A monitor gives up after a few seconds: a check that hangs is a failed one before that.
const TIMEOUT: Duration = Duration::from_secs(3);
const RETRY_AFTER_SECONDS: &str = "5";

/// Asks `check` and says what it said.
pub(super) async fn answer(State(check): State<HealthCheck>) -> Response {
    let outcome = match timeout(TIMEOUT, check()).await {
        Ok(outcome) => outcome,
        Err(_elapsed) => Err("no answer in time".to_owned()),
    };
    match outcome {
        Ok(()) => status(StatusCode::OK, "ok").into_response(),
        Err(error) => {
            tracing::warn!(error, "the health check failed");
            let unavailable = status(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
            ([(RETRY_AFTER, RETRY_AFTER_SECONDS)], unavailable).into_response()
        }
    }
}

fn status(status: StatusCode, word: &str) -> impl IntoResponse {
    let body = json!({ "status": word, "database": word });
    (status, [(CACHE_CONTROL, "no-store")], Json(body))
}
