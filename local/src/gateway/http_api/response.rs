//! A function's answer as an HTTP response.

use std::convert::Infallible;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONNECTION, CONTENT_LENGTH, SET_COOKIE, TRANSFER_ENCODING};
use http::{HeaderValue, StatusCode};

use crate::gateway::FunctionError;
use crate::gateway::encoding;

/// The response that a function asked for.
pub(super) fn response_of(answer: ApiGatewayV2httpResponse) -> Result<Response, FunctionError> {
    let status = status_of(answer.status_code)?;
    let body = body_of(answer.body, answer.is_base64_encoded)?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = answer.headers;
    // What concerns the connection is between the gateway and its client.
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        response.headers_mut().remove(name);
    }
    for cookie in answer.cookies {
        let value = HeaderValue::try_from(cookie).map_err(|error| FunctionError::Malformed(error.to_string()))?;
        response.headers_mut().append(SET_COOKIE, value);
    }
    Ok(response)
}

/// Keeps axum from giving an empty answer to `HEAD` a `Content-Length`, which would claim that `GET` has an empty one too.
pub(super) fn without_claim(response: Response) -> Response {
    if response.body().size_hint().exact() != Some(0) {
        return response;
    }
    response.map(|_| Body::from_stream(stream::empty::<Result<Bytes, Infallible>>()))
}

fn status_of(code: i64) -> Result<StatusCode, FunctionError> {
    u16::try_from(code)
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok())
        .filter(|status| !status.is_informational())
        .ok_or_else(|| FunctionError::Malformed(format!("{code} is no status of a response")))
}

fn body_of(body: Option<lambda_http::Body>, is_base64_encoded: bool) -> Result<Bytes, FunctionError> {
    let body = body.map_or_else(Vec::new, |body| body.as_ref().to_vec());
    if !is_base64_encoded {
        return Ok(body.into());
    }
    let decoded = encoding::decode_base64(&body);
    decoded
        .map(Bytes::from)
        .ok_or_else(|| FunctionError::Malformed("a body that is not base64".to_owned()))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn answer(status: i64, body: &str, is_base64_encoded: bool) -> ApiGatewayV2httpResponse {
        let mut answer = ApiGatewayV2httpResponse::default();
        answer.status_code = status;
        answer.body = Some(lambda_http::Body::Text(body.to_owned()));
        answer.is_base64_encoded = is_base64_encoded;
        answer
    }

    #[tokio::test]
    async fn a_base64_body_is_decoded() {
        let response = response_of(answer(200, "AAH/", true)).expect("a response");
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(&body[..], [0, 1, 255]);
    }

    #[test]
    fn cookies_become_headers_and_connection_headers_go() {
        let mut answer = answer(200, "", false);
        answer.cookies = vec!["a=1".to_owned(), "b=2".to_owned()];
        answer.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("99"));
        let response = response_of(answer).expect("a response");
        let cookies: Vec<_> = response.headers().get_all(SET_COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        assert!(!response.headers().contains_key(CONTENT_LENGTH));
    }

    #[test]
    fn an_impossible_answer_is_a_function_error() {
        for status in [-1, 0, 101, 1000, i64::MAX] {
            assert!(response_of(answer(status, "", false)).is_err(), "{status}");
        }
        assert!(response_of(answer(200, "not base64!", true)).is_err());
    }
}
