//! What the functions call beside Postgres: the management API of the WebSocket, and the bucket that takes what `CloudFormation` is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, put};
use axum::{Json, Router};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Failure;

/// Both, on one port of the loopback interface. All connections are open, and every post is taken.
pub(crate) struct Aws {
    address: String,
    calls: Arc<Calls>,
}

#[derive(Default)]
struct Calls {
    posts: AtomicUsize,
    verdict: Mutex<Option<Value>>,
}

impl Aws {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let calls = Arc::new(Calls::default());
        let router = Router::new()
            .route("/ws/{*connection}", any(manage))
            .route("/bucket", put(take_verdict))
            .with_state(Arc::clone(&calls));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, calls })
    }

    /// Where the WebSocket API's stage is.
    pub(crate) fn callback_url(&self) -> String {
        format!("http://{}/ws", self.address)
    }

    /// Where `CloudFormation` wants its answers.
    pub(crate) fn response_url(&self) -> String {
        format!("http://{}/bucket", self.address)
    }

    /// How many frames were posted since the last time this was asked.
    pub(crate) fn take_posts(&self) -> usize {
        self.calls.posts.swap(0, Ordering::Relaxed)
    }

    /// What `CloudFormation` was told since the last time this was asked.
    pub(crate) fn take_verdict(&self) -> Option<Value> {
        let verdict = self.calls.verdict.lock();
        verdict.unwrap_or_else(PoisonError::into_inner).take()
    }
}

async fn manage(State(calls): State<Arc<Calls>>, method: Method) -> Response {
    match method {
        Method::POST => {
            calls.posts.fetch_add(1, Ordering::Relaxed);
            StatusCode::OK.into_response()
        }
        Method::DELETE => StatusCode::NO_CONTENT.into_response(),
        _ => {
            let time = "2026-01-01T00:00:00.000Z";
            Json(json!({"connectedAt": time, "lastActiveAt": time, "identity": {"sourceIp": "198.18.0.1"}}))
                .into_response()
        }
    }
}

async fn take_verdict(State(calls): State<Arc<Calls>>, body: Bytes) -> StatusCode {
    let Ok(verdict) = serde_json::from_slice(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut place = calls.verdict.lock().unwrap_or_else(PoisonError::into_inner);
    *place = Some(verdict);
    StatusCode::OK
}
