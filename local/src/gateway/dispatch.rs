//! Which part of the gateway a request is for, and the line that the log gets for it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use shared::Clock;

use super::HealthCheck;
use super::call::{Call, Endpoints};
use super::health;
use super::http_api::HttpApi;
use super::response::{self, HttpResponse};
use super::websocket_api::WebSocketApi;

const REQUEST_ID: HeaderName = HeaderName::from_static("apigw-requestid");

/// The parts of the gateway that answer requests.
pub(super) struct Dispatcher {
    pub(super) http: HttpApi,
    pub(super) websocket: Arc<WebSocketApi>,
    pub(super) health: HealthCheck,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) trusted_proxies: Vec<IpAddr>,
}

impl Dispatcher {
    /// Answers a request and logs it: never its query, headers or body, which hold tokens and what users write.
    pub(super) async fn answer(&self, request: Request<Incoming>, endpoints: Endpoints) -> HttpResponse {
        let started = Instant::now();
        let now = self.clock.now();
        let Some(call) = Call::new(request.headers(), endpoints, &self.trusted_proxies, now) else {
            return response::message(StatusCode::BAD_REQUEST, "Bad Request");
        };
        let request_id = call.request_id.clone();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let mut response = self.dispatch(request, call).await;
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

    async fn dispatch(&self, request: Request<Incoming>, call: Call) -> HttpResponse {
        let is_get = request.method() == Method::GET;
        match request.uri().path() {
            health::PATH if is_get => health::answer(&self.health).await,
            path if is_get && self.websocket.is_at(path) => self.websocket.connect(request, call).await,
            _ => self.http.answer(request, &call).await,
        }
    }
}
