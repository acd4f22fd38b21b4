//! A server with the core of the contract and nothing more: no `client_id` in its answers, no `seq`, no ping. It does wrong as told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// What it does wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Each so-manyth message reaches its sender only.
    pub(crate) loses: Option<usize>,
    /// Each so-manyth message reaches its receiver twice.
    pub(crate) repeats: Option<usize>,
    /// Each so-manyth message is refused as one too many.
    pub(crate) refuses: Option<usize>,
    /// The first look at a profile is answered with `429`, and `Retry-After` of a second.
    pub(crate) limits: bool,
}

/// What it knows. A user's token and id are their name.
#[derive(Debug, Default)]
struct Known {
    faults: Faults,
    users: Mutex<Vec<String>>,
    sockets: Mutex<HashMap<String, UnboundedSender<String>>>,
    messages: AtomicUsize,
    limited: AtomicBool,
}

type Shared = State<Arc<Known>>;

/// Starts one on a free port; returns its URL. It ends with the test.
pub(crate) async fn start(faults: Faults) -> String {
    let known = Arc::new(Known {
        faults,
        ..Known::default()
    });
    let router = Router::new()
        .route("/auth/register", post(register))
        .route("/auth/login", post(login))
        .route("/users/me", get(profile))
        .route("/ws", any(connect))
        .with_state(known);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

async fn register(State(known): Shared, Json(account): Json<Value>) -> StatusCode {
    known.users.lock().unwrap().push(name(&account));
    StatusCode::CREATED
}

async fn login(State(known): Shared, Json(account): Json<Value>) -> Response {
    let name = name(&account);
    if known.users.lock().unwrap().contains(&name) {
        Json(json!({ "token": name })).into_response()
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

async fn profile(State(known): Shared, headers: HeaderMap) -> Response {
    if known.faults.limits && !known.limited.swap(true, Ordering::Relaxed) {
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]).into_response();
    }
    let id = headers["authorization"]
        .to_str()
        .unwrap()
        .strip_prefix("Bearer ")
        .unwrap();
    Json(json!({ "id": id })).into_response()
}

async fn connect(State(known): Shared, RawQuery(query): RawQuery, upgrade: WebSocketUpgrade) -> Response {
    let user = query.unwrap().strip_prefix("token=").unwrap().to_owned();
    upgrade.on_upgrade(move |socket| talk(known, user, socket))
}

async fn talk(known: Arc<Known>, user: String, mut socket: WebSocket) {
    let (sender, mut frames) = unbounded_channel();
    known.sockets.lock().unwrap().insert(user.clone(), sender);
    loop {
        tokio::select! {
            Some(frame) = frames.recv() => if socket.send(Message::text(frame)).await.is_err() { return },
            received = socket.recv() => match received {
                Some(Ok(Message::Text(text))) => known.take(&user, &serde_json::from_str(&text).unwrap()),
                Some(Ok(_)) => {}
                _ => return,
            },
        }
    }
}

impl Known {
    fn take(&self, user: &str, frame: &Value) {
        let number = self.messages.fetch_add(1, Ordering::Relaxed) + 1;
        let is_turn = |every: Option<usize>| every.is_some_and(|every| number.is_multiple_of(every));
        if is_turn(self.faults.refuses) {
            return self.push(
                user,
                &json!({ "type": "error", "code": "rate_limited", "message": "too many" }),
            );
        }
        let message = json!({
            "type": "direct_message", "id": number.to_string(), "from": user, "to": frame["to"], "content": frame["content"], "timestamp": 0,
        });
        self.push(user, &message);
        let receiver = frame["to"].as_str().unwrap();
        if !is_turn(self.faults.loses) {
            self.push(receiver, &message);
        }
        if is_turn(self.faults.repeats) {
            self.push(receiver, &message);
        }
    }

    fn push(&self, user: &str, frame: &Value) {
        // Who isn't connected gets nothing.
        if let Some(socket) = self.sockets.lock().unwrap().get(user) {
            let _ = socket.send(frame.to_string());
        }
    }
}

fn name(account: &Value) -> String {
    account["email"].as_str().unwrap().split('@').next().unwrap().to_owned()
}
