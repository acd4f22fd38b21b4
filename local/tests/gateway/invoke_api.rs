//! A Lambda Invoke API whose functions are a closure of the test.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::{ConnectInfo, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::harness::in_time;

type Answers = dyn Fn(&str, &Value) -> BoxFuture<'static, Response> + Send + Sync;

/// An Invoke API that runs, and what it was asked.
pub(crate) struct InvokeApi {
    pub(crate) address: SocketAddr,
    state: Arc<Recorded>,
}

/// An event as it came.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    pub(crate) function: String,
    pub(crate) headers: HeaderMap,
    pub(crate) event: Value,
}

struct Recorded {
    answers: Box<Answers>,
    invocations: watch::Sender<Vec<Invocation>>,
    peers: Mutex<HashSet<SocketAddr>>,
}

impl InvokeApi {
    /// An API that answers each event with what `answers` makes of the function's name and the event.
    pub(crate) async fn start<F>(answers: impl Fn(&str, &Value) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let state = Arc::new(Recorded {
            answers: Box::new(move |function, event| Box::pin(answers(function, event))),
            invocations: watch::Sender::default(),
            peers: Mutex::default(),
        });
        let router = Router::new()
            .route("/2015-03-31/functions/{function}/invocations", post(invoke))
            .with_state(Arc::clone(&state));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { address, state }
    }

    /// An API that answers every event with this response.
    pub(crate) async fn answering(response: impl IntoResponse + Clone + Send + Sync + 'static) -> Self {
        Self::start(move |_, _| std::future::ready(response.clone().into_response())).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All events so far.
    pub(crate) fn invocations(&self) -> Vec<Invocation> {
        self.state.invocations.borrow().clone()
    }

    /// All events, once there are this many.
    pub(crate) async fn received(&self, count: usize) -> Vec<Invocation> {
        let mut invocations = self.state.invocations.subscribe();
        let received = in_time(invocations.wait_for(|invocations| invocations.len() >= count)).await;
        received.expect("an API that runs").clone()
    }

    /// How many connections the events came over.
    pub(crate) fn connections(&self) -> usize {
        self.state.peers.lock().expect("no panic").len()
    }
}

async fn invoke(
    State(state): State<Arc<Recorded>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(function): Path<String>,
    headers: HeaderMap,
    Json(event): Json<Value>,
) -> Response {
    let answer = (state.answers)(&function, &event);
    state.peers.lock().expect("no panic").insert(peer);
    let invocation = Invocation {
        function,
        headers,
        event,
    };
    state
        .invocations
        .send_modify(|invocations| invocations.push(invocation));
    answer.await
}
