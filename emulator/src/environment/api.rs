//! The Runtime API and the Extensions API, as one environment sees them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::Answer;
use super::state::{Asker, Invocation, State};

const EXTENSION_ID: &str = "lambda-extension-identifier";

#[derive(Clone)]
struct Api {
    function: String,
    state: Arc<watch::Sender<State>>,
}

pub(super) fn router(function: String, state: Arc<watch::Sender<State>>) -> Router {
    let runtime = Router::new()
        .route("/invocation/next", get(next_invocation))
        .route("/invocation/{id}/response", post(response))
        .route("/invocation/{id}/error", post(error));
    let extension = Router::new()
        .route("/register", post(register))
        .route("/event/next", get(next_event));
    Router::new()
        .nest("/2018-06-01/runtime", runtime)
        .nest("/2020-01-01/extension", extension)
        .with_state(Api { function, state })
}

impl Api {
    fn arn(&self) -> String {
        format!("arn:aws:lambda:eu-central-1:000000000000:function:{}", self.function)
    }

    /// Waits for an invocation; `None` where the asker is unknown.
    async fn next(&self, asker: Asker) -> Option<Invocation> {
        let mut states = self.state.subscribe();
        if !self.state.send_if_modified(|state| state.ask(&asker)) {
            return None;
        }
        loop {
            let mut next = None;
            self.state.send_if_modified(|state| {
                next = state.take_next(&asker);
                next.is_some()
            });
            if next.is_some() {
                return next;
            }
            states.changed().await.ok()?;
        }
    }

    fn answer(&self, request_id: &str, answer: Answer) -> StatusCode {
        let is_taken = self.state.send_if_modified(|state| state.answer(request_id, answer));
        if is_taken {
            StatusCode::ACCEPTED
        } else {
            StatusCode::BAD_REQUEST
        }
    }
}

async fn next_invocation(Shared(api): Shared<Api>) -> Response {
    let Some(invocation) = api.next(Asker::Runtime).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        ("lambda-runtime-aws-request-id", invocation.request_id),
        ("lambda-runtime-deadline-ms", invocation.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", api.arn()),
        ("lambda-runtime-trace-id", format!("Root=1-{}", Uuid::new_v4().simple())),
    ];
    (headers, invocation.payload).into_response()
}

async fn response(Shared(api): Shared<Api>, Path(id): Path<String>, payload: Bytes) -> StatusCode {
    let is_error = false;
    api.answer(&id, Answer { payload, is_error })
}

async fn error(Shared(api): Shared<Api>, Path(id): Path<String>, payload: Bytes) -> StatusCode {
    let is_error = true;
    api.answer(&id, Answer { payload, is_error })
}

async fn register(Shared(api): Shared<Api>, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(events) = request["events"].as_array() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if events.iter().any(|event| event != "INVOKE") {
        return (
            StatusCode::FORBIDDEN,
            "internal extensions can register for INVOKE only",
        )
            .into_response();
    }
    let id = Uuid::new_v4().to_string();
    api.state.send_modify(|state| state.register(&id, !events.is_empty()));
    let function = json!({"functionName": api.function, "functionVersion": "$LATEST", "handler": "bootstrap"});
    ([(EXTENSION_ID, id)], function.to_string()).into_response()
}

async fn next_event(Shared(api): Shared<Api>, headers: HeaderMap) -> Response {
    let id = headers
        .get(EXTENSION_ID)
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default();
    let Some(invocation) = api.next(Asker::Extension(id.to_owned())).await else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let event = json!({
        "eventType": "INVOKE",
        "deadlineMs": u64::try_from(invocation.deadline_ms).unwrap_or(u64::MAX),
        "requestId": invocation.request_id,
        "invokedFunctionArn": api.arn(),
        "tracing": {"type": "X-Amzn-Trace-Id", "value": ""},
    });
    event.to_string().into_response()
}
