//! Events against what API Gateway sends.

use std::collections::HashMap;
use std::net::SocketAddr;

use axum::Router;
use chrono::DateTime;
use http::Request;
use http::request::Builder;
use serde_json::json;

use super::*;
use crate::gateway::Function;
use crate::gateway::call::Endpoints;
use crate::gateway::payload;

fn event(request: Builder, body: &'static [u8]) -> ApiGatewayV2httpRequest {
    let (head, ()) = request.body(()).expect("a request").into_parts();
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let endpoints = Endpoints {
        peer: address("192.0.2.7:4711"),
        local: address("127.0.0.1:8080"),
    };
    let time = DateTime::from_timestamp_millis(1_742_085_982_123).expect("a time");
    let call = Call::new(&head.headers, endpoints, &[], time).expect("a call");
    let route = RouteMatch {
        key: "GET /chats/{userId}",
        function: &Function::http(Router::new()),
        parameters: HashMap::from([("userId".to_owned(), "a b".to_owned())]),
    };
    event_of(&head, Bytes::from_static(body), &route, &call)
}

fn get(uri: &str) -> Builder {
    Request::builder().uri(uri).header("host", "chat.example:8080")
}

#[test]
fn an_event_has_the_members_of_a_captured_one() {
    let request = get("/chats/a%20b?x=1&y=%C3%A9&x=2")
        .header("user-agent", "test/1")
        .header("x-twice", "1")
        .header("x-twice", "2")
        .header("cookie", "a=1; b=2")
        .header("content-type", "application/json");
    let event = payload::http(event(request, b"{}")).expect("JSON");
    let request_id = event["requestContext"]["requestId"].as_str().expect("an id");
    assert!(request_id.len() == 16 && request_id.ends_with('='), "{request_id}");
    let trace_id = event["headers"]["x-amzn-trace-id"].as_str().expect("a trace id");
    let expected = json!({
        "version": "2.0",
        "routeKey": "GET /chats/{userId}",
        "rawPath": "/chats/a b",
        "rawQueryString": "x=1&y=%C3%A9&x=2",
        "cookies": ["a=1", "b=2"],
        "headers": {
            "content-type": "application/json",
            "host": "chat.example:8080",
            "user-agent": "test/1",
            "x-amzn-trace-id": trace_id,
            "x-forwarded-for": "192.0.2.7",
            "x-forwarded-port": "8080",
            "x-forwarded-proto": "http",
            "x-twice": "1,2",
        },
        "queryStringParameters": {"x": "1,2", "y": "é"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "chat.example",
            "domainPrefix": "chat",
            "http": {
                "method": "GET",
                "path": "/chats/a b",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.7",
                "userAgent": "test/1",
            },
            "requestId": request_id,
            "routeKey": "GET /chats/{userId}",
            "stage": "$default",
            "time": "16/Mar/2025:00:46:22 +0000",
            "timeEpoch": 1_742_085_982_123_i64,
        },
        "pathParameters": {"userId": "a b"},
        "body": "{}",
        "isBase64Encoded": false,
    });
    assert_eq!(event, expected);
}

#[test]
fn what_a_request_lacks_its_event_lacks_too() {
    let mut event = event(get("/"), b"");
    event.path_parameters.clear();
    let event = payload::http(event).expect("JSON");
    let mut members: Vec<_> = event.as_object().expect("an event").keys().collect();
    members.sort();
    assert_eq!(
        members,
        [
            "headers",
            "isBase64Encoded",
            "rawPath",
            "rawQueryString",
            "requestContext",
            "routeKey",
            "version"
        ]
    );
}

#[test]
fn a_trace_id_of_the_clients_is_kept() {
    let event = event(
        get("/").header("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793"),
        b"",
    );
    assert_eq!(
        event.headers["x-amzn-trace-id"],
        "Root=1-5759e988-bd862e3fe1be46a994272793"
    );
}

#[test]
fn repeated_headers_are_joined_and_cookies_set_apart() {
    let request = get("/")
        .header("X-Twice", "1")
        .header("X-Twice", "2")
        .header("cookie", "a=1; b=2")
        .header("cookie", "c=3");
    let event = event(request, b"");
    assert_eq!(event.headers["x-twice"], "1,2");
    assert!(!event.headers.contains_key("cookie"));
    assert_eq!(event.cookies, Some(["a=1", "b=2", "c=3"].map(str::to_owned).to_vec()));
    assert_eq!(event.headers["x-forwarded-for"], "192.0.2.7");
}

#[test]
fn header_bytes_that_are_no_text_become_some() {
    let value = http::HeaderValue::from_bytes(b"a\xffb").expect("a value");
    let event = event(get("/").header("x-odd", value), b"");
    assert_eq!(event.headers["x-odd"], "a\u{fffd}b".as_bytes());
}

#[test]
fn text_goes_in_as_it_is_and_everything_else_in_base64() {
    for (content_type, body, expected) in [
        ("application/json", &b"{}"[..], ("{}", false)),
        ("application/json; charset=utf-8", b"{}", ("{}", false)),
        ("application/xml", b"<a/>", ("<a/>", false)),
        ("application/javascript", b"1", ("1", false)),
        ("TEXT/plain", b"x", ("x", false)),
        ("application/problem+json", b"{}", ("e30=", true)),
        ("application/x-www-form-urlencoded", b"a=b", ("YT1i", true)),
        ("multipart/form-data; boundary=a", b"--a--", ("LS1hLS0=", true)),
        ("application/json", b"\xff", ("/w==", true)),
        ("application/octet-stream", b"x", ("eA==", true)),
        ("image/png", b"\x89PNG", ("iVBORw==", true)),
    ] {
        let event = event(get("/").header("content-type", content_type), body);
        assert_eq!(
            (event.body.as_deref(), event.is_base64_encoded),
            (Some(expected.0), expected.1),
            "{content_type}"
        );
    }
    let unnamed = event(get("/"), b"{}");
    assert_eq!(
        (unnamed.body.as_deref(), unnamed.is_base64_encoded),
        (Some("e30="), true)
    );
}
