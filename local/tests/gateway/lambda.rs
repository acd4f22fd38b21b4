//! Functions behind a Lambda Invoke API: events on their way there, answers and failures on their way back.

use std::future::{pending, ready};
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use local::gateway::{HttpOptions, Options, WebSocketOptions};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use crate::harness::{Harness, in_time};
use crate::invoke_api::InvokeApi;

/// What Lambda's runtime reports of a handler that gave up.
const FAILURE: &str = r#"{"errorType": "toy::Error", "errorMessage": "told to fail"}"#;

/// What a function may be that has no answer for the gateway, and how the Invoke API says so.
fn failures() -> Vec<(&'static str, Response)> {
    let function_error = [("x-amz-function-error", "Unhandled")];
    let throttled = [("x-amzn-errortype", "TooManyRequestsException")];
    vec![
        (
            "a failure as Lambda tells it",
            (function_error, FAILURE).into_response(),
        ),
        ("a failure without a report", (function_error, "").into_response()),
        (
            "a failure as cargo-lambda tells it",
            (StatusCode::INTERNAL_SERVER_ERROR, FAILURE).into_response(),
        ),
        ("an unknown function", StatusCode::NOT_FOUND.into_response()),
        ("a throttle", (StatusCode::TOO_MANY_REQUESTS, throttled).into_response()),
        ("a broken service", StatusCode::BAD_GATEWAY.into_response()),
        ("an answer that is no JSON", "<html>".into_response()),
        (
            "an answer with an odd status",
            Json(json!({"statusCode": "many"})).into_response(),
        ),
    ]
}

/// A gateway in front of an API that answers every event with this JSON.
async fn answering(answer: Value) -> (InvokeApi, Harness) {
    let api = InvokeApi::answering(Json(answer)).await;
    let harness = Harness::start_lambda(&api.url(), Options::default()).await;
    (api, harness)
}

/// A gateway in front of an API that answers events of this type in another way than by letting them pass.
async fn failing_at(event_type: &'static str, failure: Response) -> (InvokeApi, Harness) {
    let (head, body) = failure.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let api = InvokeApi::start(move |_, event| {
        let fails = event["requestContext"]["eventType"] == event_type;
        let failure = Response::from_parts(head.clone(), body.clone().into());
        ready(if fails {
            failure
        } else {
            Json(json!({"statusCode": 200})).into_response()
        })
    })
    .await;
    let harness = Harness::start_lambda(&api.url(), Options::default()).await;
    (api, harness)
}

async fn get(harness: &Harness, path: &str) -> reqwest::Response {
    in_time(reqwest::get(harness.url(path))).await.expect("an answer")
}

/// The status that a handshake is refused with.
async fn refusal(harness: &Harness) -> u16 {
    match harness.try_connect("").await {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("a refusal, not {:?}", other.map(drop)),
    }
}

/// The message of the frame that tells of a failure.
async fn failure_frame(harness: &Harness) -> Value {
    let mut client = harness.try_connect("").await.expect("a connection");
    client.send("hello").await;
    let frame: Value = serde_json::from_str(&client.text().await).expect("JSON");
    frame["message"].clone()
}

#[tokio::test]
async fn an_http_event_gets_to_its_function_and_the_answer_to_the_client() {
    let answer = json!({"statusCode": 201, "headers": {"x-a": "b"}, "cookies": ["c=d"], "body": "made"});
    let (api, harness) = answering(answer).await;
    let response = get(&harness, "/echo/ada?q=1").await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["x-a"], "b");
    assert_eq!(response.headers()["set-cookie"], "c=d");
    assert_eq!(response.text().await.expect("a body"), "made");
    let [invocation] = api.invocations().try_into().expect("one event");
    assert_eq!(invocation.function, "http");
    assert_eq!(invocation.headers["content-type"], "application/json");
    assert_eq!(invocation.event["version"], "2.0");
    assert_eq!(invocation.event["rawPath"], "/echo/ada");
    assert_eq!(invocation.event["pathParameters"], json!({"name": "ada"}));
}

#[tokio::test]
async fn an_http_answer_without_a_status_is_200_json() {
    let (_api, harness) = answering(json!({"plain": true})).await;
    let response = get(&harness, "/answer").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.json::<Value>().await.expect("JSON"), json!({"plain": true}));
}

#[tokio::test]
async fn all_events_of_a_socket_get_to_their_function() {
    let (api, harness) = answering(json!({"statusCode": 200})).await;
    let mut client = harness.try_connect("").await.expect("a connection");
    client.send("hello").await;
    client.0.close(None).await.expect("a close");
    let events = api.received(3).await;
    assert!(events.iter().all(|invocation| invocation.function == "socket"));
    let types: Vec<_> = events
        .iter()
        .map(|invocation| &invocation.event["requestContext"]["eventType"])
        .collect();
    assert_eq!(types, ["CONNECT", "MESSAGE", "DISCONNECT"]);
    assert_eq!(events[1].event["body"], "hello");
}

#[tokio::test]
async fn a_refusal_by_connect_passes_through() {
    let (_api, harness) = answering(json!({"statusCode": 401})).await;
    assert_eq!(refusal(&harness).await, 401);
}

#[tokio::test]
async fn every_failure_behind_http_is_a_500() {
    for (name, failure) in failures() {
        let (head, body) = failure.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        let api = InvokeApi::answering((head.status, head.headers, body)).await;
        let harness = Harness::start_lambda(&api.url(), Options::default()).await;
        let response = get(&harness, "/answer").await;
        assert_eq!(response.status(), 500, "{name}");
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(body, json!({"message": "Internal Server Error"}), "{name}");
    }
}

#[tokio::test]
async fn every_failure_of_connect_refuses_the_handshake_with_502() {
    for (name, failure) in failures() {
        let (_api, harness) = failing_at("CONNECT", failure).await;
        assert_eq!(refusal(&harness).await, 502, "{name}");
    }
}

#[tokio::test]
async fn every_failure_at_a_message_is_told_in_a_frame() {
    for (name, failure) in failures() {
        let (_api, harness) = failing_at("MESSAGE", failure).await;
        assert_eq!(failure_frame(&harness).await, "Internal server error", "{name}");
    }
    let (_api, harness) = failing_at("MESSAGE", Json(json!({"no": "status"})).into_response()).await;
    assert_eq!(failure_frame(&harness).await, "Internal server error");
}

#[tokio::test]
async fn where_nothing_listens_requests_fail_and_handshakes_are_refused() {
    // Nothing ever listens on port 1 of a test machine.
    let harness = Harness::start_lambda("http://127.0.0.1:1", Options::default()).await;
    assert_eq!(get(&harness, "/answer").await.status(), 500);
    assert_eq!(refusal(&harness).await, 502);
}

#[tokio::test]
async fn a_function_that_takes_longer_than_the_gateway_waits_is_given_up() {
    let api = InvokeApi::start(|_, _| pending()).await;
    let limit = Duration::from_millis(50);
    let http = HttpOptions {
        integration_timeout: limit,
        ..HttpOptions::default()
    };
    let websocket = WebSocketOptions {
        integration_timeout: limit,
        ..WebSocketOptions::default()
    };
    let options = Options {
        http,
        websocket,
        ..Options::default()
    };
    let harness = Harness::start_lambda(&api.url(), options).await;
    let response = get(&harness, "/answer").await;
    assert_eq!(response.status(), 503);
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body, json!({"message": "Service Unavailable"}));
    assert_eq!(refusal(&harness).await, 502);
}

#[tokio::test]
async fn events_that_follow_each_other_share_a_connection() {
    let (api, harness) = answering(json!({"statusCode": 200})).await;
    for _ in 0..10 {
        assert_eq!(get(&harness, "/answer").await.status(), 200);
    }
    assert_eq!((api.invocations().len(), api.connections()), (10, 1));
}

#[tokio::test]
async fn an_answer_longer_than_lambda_allows_is_a_failure() {
    let (_api, harness) = answering(json!({"statusCode": 200, "body": "x".repeat(7 * 1024 * 1024)})).await;
    assert_eq!(get(&harness, "/answer").await.status(), 500);
}
