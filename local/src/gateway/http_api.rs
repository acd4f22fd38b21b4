//! The HTTP API: requests become events in payload format 2.0, answers become responses.

mod cors;
mod event;
mod response;
mod routes;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::ORIGIN;
use http::{HeaderValue, Method, StatusCode};

use super::body::{self, BodyError, Bounds};
use super::call::Call;
use super::integration::Integration;
use super::memory::Memory;
use super::options::Options;
use super::response::message;
use super::{Function, FunctionError, GatewayError};
use crate::template::Template;
use cors::CorsPolicy;
use routes::{RouteMatch, Routes};

/// The largest head of a request that API Gateway takes, in bytes (a quota of HTTP APIs).
const MAX_HEAD_SIZE: usize = 10_240;

/// Answers a request.
pub(super) async fn answer(
    State(api): State<Arc<HttpApi>>,
    Extension(call): Extension<Call>,
    request: Request,
) -> Response {
    let Some(cors) = &api.cors else {
        return api.route(request, &call).await;
    };
    if request.method() == Method::OPTIONS {
        return cors.preflight(request.headers());
    }
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = api.route(request, &call).await;
    cors.apply(origin.as_ref(), response.headers_mut());
    response
}

/// An HTTP API with its routes bound to functions.
pub(super) struct HttpApi {
    routes: Routes,
    cors: Option<CorsPolicy>,
    integration: Integration,
    bounds: Bounds,
    memory: Memory,
    stage_variables: HashMap<String, String>,
}

impl HttpApi {
    /// Binds the template's HTTP routes to `functions`.
    pub(super) fn new(
        template: &Template,
        functions: &BTreeMap<String, Function>,
        options: &Options,
        integration: Integration,
    ) -> Result<Self, GatewayError> {
        let cors = template.cors.clone().map(|mut cors| {
            if let Some(origins) = &options.cors_origins {
                cors.allow_origins.clone_from(origins);
            }
            CorsPolicy::new(&cors)
        });
        Ok(Self {
            routes: Routes::new(&template.http_routes, functions)?,
            cors: cors.transpose()?,
            integration,
            bounds: Bounds {
                size: options.http.max_body_size,
                time: options.http.body_timeout,
            },
            memory: Memory::new(options.http.body_memory),
            stage_variables: template.http_stage_variables.clone().into_iter().collect(),
        })
    }

    async fn route(&self, request: Request, call: &Call) -> Response {
        if size_of_head(&request) > MAX_HEAD_SIZE {
            body::skip(request.into_body(), self.bounds).await;
            return message(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "Request Header Fields Too Large",
            );
        }
        if let Some(route) = self.routes.find(request.method(), request.uri().path()) {
            return self.integrate(&route, request, call).await;
        }
        body::skip(request.into_body(), self.bounds).await;
        message(StatusCode::NOT_FOUND, "Not Found")
    }

    async fn integrate(&self, route: &RouteMatch<'_>, request: Request, call: &Call) -> Response {
        let (head, body) = request.into_parts();
        let mut room = self.memory.hold();
        let body = match body::read(&head.headers, body, self.bounds, &mut room).await {
            Ok(body) => body,
            Err(error) => return refuse(error),
        };
        let mut event = event::event_of(&head, body, route, call);
        event.stage_variables.clone_from(&self.stage_variables);
        let function = route.function.clone();
        let invocation = async move {
            // The function holds the body for as long as it runs, whatever becomes of the client.
            let _room = room;
            function.invoke_http(event).await
        };
        let answer = self.integration.run(invocation).await;
        match answer.and_then(response::response_of) {
            Ok(response) if head.method == Method::HEAD => response::without_claim(response),
            Ok(response) => response,
            Err(error) => fail(&error, route, call),
        }
    }
}

/// The bytes of a request that API Gateway counts against its limit: the request line and the values of the headers.
fn size_of_head(request: &Request) -> usize {
    let line = format!("{} {} {:?}", request.method(), request.uri(), request.version());
    let values = request.headers().values().map(HeaderValue::len);
    line.len() + values.sum::<usize>()
}

fn refuse(error: BodyError) -> Response {
    match error {
        BodyError::NoRoom => message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"),
        BodyError::TooLarge => message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
        BodyError::TooSlow => message(StatusCode::REQUEST_TIMEOUT, "Request Timeout"),
        BodyError::Broken => message(StatusCode::BAD_REQUEST, "Bad Request"),
    }
}

fn fail(error: &FunctionError, route: &RouteMatch<'_>, call: &Call) -> Response {
    tracing::error!(%error, route = route.key, request_id = call.request_id, "an invocation failed");
    match error {
        FunctionError::TimedOut => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        _ => message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
    }
}
