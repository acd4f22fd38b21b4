//! The HTTP API: requests become events in payload format 2.0, answers become responses.

mod cors;
mod event;
mod response;
mod routes;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::ORIGIN;
use http::{Method, StatusCode};

use super::body::{self, BodyError, Bounds};
use super::call::Call;
use super::integration::Integration;
use super::options::Options;
use super::response::message;
use super::{Function, FunctionError, GatewayError};
use crate::template::Template;
use cors::CorsPolicy;
use routes::{RouteMatch, Routes};

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
        })
    }

    async fn route(&self, request: Request, call: &Call) -> Response {
        if let Some(route) = self.routes.find(request.method(), request.uri().path()) {
            return self.integrate(&route, request, call).await;
        }
        body::skip(request.into_body(), self.bounds).await;
        message(StatusCode::NOT_FOUND, "Not Found")
    }

    async fn integrate(&self, route: &RouteMatch<'_>, request: Request, call: &Call) -> Response {
        let (head, body) = request.into_parts();
        let body = match body::read(&head.headers, body, self.bounds).await {
            Ok(body) => body,
            Err(error) => return refuse(error),
        };
        let event = event::event_of(&head, body, route, call);
        let function = route.function.clone();
        let answer = self
            .integration
            .run(async move { function.invoke_http(event).await })
            .await;
        match answer.and_then(response::response_of) {
            Ok(response) if head.method == Method::HEAD => response::without_claim(response),
            Ok(response) => response,
            Err(error) => fail(&error, route, call),
        }
    }
}

fn refuse(error: BodyError) -> Response {
    match error {
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
