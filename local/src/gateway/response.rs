//! Answers that the gateway gives itself.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use serde_json::json;

/// An answer to an HTTP request.
pub(super) type HttpResponse = Response<Full<Bytes>>;

/// `status` with `{"message": …}`, which is all that a gateway's own errors say.
pub(super) fn message(status: StatusCode, message: &str) -> HttpResponse {
    json_body(status, &json!({ "message": message }))
}

/// `status` with a body in JSON.
pub(super) fn json_body(status: StatusCode, body: &impl Serialize) -> HttpResponse {
    let mut response = Response::new(Full::from(serde_json::to_vec(body).unwrap_or_default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// `status` without a body.
pub(super) fn empty(status: StatusCode) -> HttpResponse {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
