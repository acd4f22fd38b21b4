//! `GET /health`: the one route that is the gateway's own.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use tokio::time::timeout;

use super::response::{self, HttpResponse};

/// The path of the route.
pub(super) const PATH: &str = "/health";

/// Says whether the database answers. The text of an error goes to the log, not to the client.
pub type HealthCheck = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// A monitor gives up after a few seconds: a check that hangs is a failed one before that.
const TIMEOUT: Duration = Duration::from_secs(3);
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// Asks `check` and says what it said.
pub(super) async fn answer(check: &HealthCheck) -> HttpResponse {
    let outcome = match timeout(TIMEOUT, check()).await {
        Ok(outcome) => outcome,
        Err(_elapsed) => Err("no answer in time".to_owned()),
    };
    let mut response = match outcome {
        Ok(()) => status(StatusCode::OK, "ok"),
        Err(error) => {
            tracing::warn!(error, "the health check failed");
            unavailable()
        }
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn unavailable() -> HttpResponse {
    let mut response = status(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    response
}

fn status(status: StatusCode, word: &str) -> HttpResponse {
    response::json_body(status, &json!({ "status": word, "database": word }))
}
