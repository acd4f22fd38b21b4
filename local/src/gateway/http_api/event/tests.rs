//! Events against what API Gateway sends.

use std::collections::HashMap;
use std::net::SocketAddr;

use axum::Router;
use chrono::DateTime;
use http::Request;
use http::request::Builder;

use super::*;
use crate::gateway::Function;
use crate::gateway::call::Endpoints;

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
fn every_field_of_the_format_is_set() {
    let event = event(get("/chats/a%20b?x=1&y=%C3%A9&x=2").header("user-agent", "test/1"), b"");
    assert_eq!(event.version.as_deref(), Some("2.0"));
    assert_eq!(event.route_key.as_deref(), Some("GET /chats/{userId}"));
    assert_eq!(event.raw_path.as_deref(), Some("/chats/a b"));
    assert_eq!(event.raw_query_string.as_deref(), Some("x=1&y=%C3%A9&x=2"));
    assert_eq!(event.query_string_parameters.first("x"), Some("1,2"));
    assert_eq!(event.query_string_parameters.first("y"), Some("é"));
    assert_eq!(event.path_parameters["userId"], "a b");
    assert_eq!((event.body, event.is_base64_encoded), (None, false));
    let context = event.request_context;
    assert_eq!(context.account_id.as_deref(), Some(ACCOUNT_ID));
    assert_eq!(context.apiid.as_deref(), Some(API_ID));
    assert_eq!(context.domain_name.as_deref(), Some("chat.example"));
    assert_eq!(context.domain_prefix.as_deref(), Some("chat"));
    assert_eq!(context.stage.as_deref(), Some("$default"));
    assert_eq!(context.route_key.as_deref(), Some("GET /chats/{userId}"));
    assert_eq!(context.time.as_deref(), Some("16/Mar/2025:00:46:22 +0000"));
    assert_eq!(context.time_epoch, 1_742_085_982_123);
    assert_eq!(context.request_id.map(|id| id.len()), Some(16));
    assert_eq!(context.http.method, http::Method::GET);
    assert_eq!(context.http.path.as_deref(), Some("/chats/a b"));
    assert_eq!(context.http.protocol.as_deref(), Some("HTTP/1.1"));
    assert_eq!(context.http.source_ip.as_deref(), Some("192.0.2.7"));
    assert_eq!(context.http.user_agent.as_deref(), Some("test/1"));
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
fn text_goes_in_as_it_is_and_everything_else_in_base64() {
    for (content_type, body, expected) in [
        ("application/json", &b"{}"[..], ("{}", false)),
        ("application/problem+json; charset=utf-8", b"{}", ("{}", false)),
        ("TEXT/plain", b"x", ("x", false)),
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
        (Some("{}"), false)
    );
}
