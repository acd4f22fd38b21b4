//! Which part of the gateway a request is for, and the line that the log gets for it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRef, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, any};
use axum::{Extension, Router};
use http::{HeaderName, HeaderValue, StatusCode};
use shared::Clock;

use super::HealthCheck;
use super::call::{Call, Endpoints};
use super::health;
use super::http_api::{self, HttpApi};
use super::management_api::{self, ManagementApi};
use super::response;
use super::websocket_api::{self, WebSocketApi};

const REQUEST_ID: HeaderName = HeaderName::from_static("apigw-requestid");

/// The parts of the gateway that answer requests, and what a [`Call`] is made with.
#[derive(Clone)]
pub(super) struct Dispatcher {
    pub(super) http: Arc<HttpApi>,
    pub(super) websocket: Arc<WebSocketApi>,
    pub(super) management: Arc<ManagementApi>,
    pub(super) health: HealthCheck,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) trusted_proxies: Arc<[IpAddr]>,
}

impl FromRef<Dispatcher> for Arc<HttpApi> {
    fn from_ref(dispatcher: &Dispatcher) -> Self {
        dispatcher.http.clone()
    }
}

impl FromRef<Dispatcher> for Arc<WebSocketApi> {
    fn from_ref(dispatcher: &Dispatcher) -> Self {
        dispatcher.websocket.clone()
    }
}

impl FromRef<Dispatcher> for Arc<ManagementApi> {
    fn from_ref(dispatcher: &Dispatcher) -> Self {
        dispatcher.management.clone()
    }
}

impl FromRef<Dispatcher> for HealthCheck {
    fn from_ref(dispatcher: &Dispatcher) -> Self {
        dispatcher.health.clone()
    }
}

impl Dispatcher {
    /// The service that answers all requests. It expects their [`Endpoints`] among their extensions.
    pub(super) fn into_router(self) -> Router {
        Router::new()
            .route(health::PATH, or_template().get(health::answer))
            .route(self.websocket.path(), or_template().get(websocket_api::connect))
            .route(&self.management.paths(), any(management_api::answer))
            .fallback(http_api::answer)
            .layer(from_fn_with_state(self.clone(), observe))
            .with_state(self)
    }
}

/// The template's routes, which a path of the gateway's own has for all methods but its one. `HEAD` is named because
/// axum takes it for a `GET` otherwise, which API Gateway does not.
fn or_template() -> MethodRouter<Dispatcher> {
    any(http_api::answer).head(http_api::answer)
}

/// Names a request and logs it: never its query, headers or body, which hold tokens and what users write.
async fn observe(
    State(dispatcher): State<Dispatcher>,
    Extension(endpoints): Extension<Endpoints>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let now = dispatcher.clock.now();
    let Some(call) = Call::new(request.headers(), endpoints, &dispatcher.trusted_proxies, now) else {
        return response::message(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let request_id = call.request_id.clone();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(call);
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    tracing::info!(
        %method,
        path,
        status = response.status().as_u16(),
        duration_ms = started.elapsed().as_millis(),
        request_id,
        "request"
    );
    response
}
