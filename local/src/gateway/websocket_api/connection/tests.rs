//! Events against what API Gateway sends.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::*;
use crate::gateway::call::Endpoints;
use crate::gateway::payload;

/// A handshake as a client wrote it.
const HEAD: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Key: b\r\nUser-agent: c\r\nx-Twice: 1\r\nx-Twice: 2\r\n\r\n";

/// What the libraries make of such a handshake.
fn request(uri: &str) -> Request<()> {
    let head = FirstHead::default();
    head.recorder(HEAD.len())(HEAD.as_bytes());
    Request::builder()
        .uri(uri)
        .header("host", "chat.example:8080")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("user-agent", "test/1")
        .header("x-twice", "1")
        .header("x-twice", "2")
        .extension(head)
        .body(())
        .expect("a request")
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_742_085_982_123).expect("a time")
}

fn call(request: &Request<()>) -> Call {
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let endpoints = Endpoints {
        peer: address("192.0.2.7:4711"),
        local: address("127.0.0.1:8080"),
    };
    Call::new(request.headers(), endpoints, &[], now()).expect("a call")
}

fn connection() -> Connection {
    Connection::new("ws", &call(&request("/ws")))
}

/// The context of an event of the connection in these tests, with the members that only this type of event has.
fn context_with(connection: &Connection, event: &Value, members: Value) -> Value {
    let request_id = event["requestContext"]["requestId"].as_str().expect("an id");
    assert!(request_id.len() == 16 && request_id.ends_with('='), "{request_id}");
    let mut context = json!({
        "extendedRequestId": request_id,
        "requestTime": "16/Mar/2025:00:46:22 +0000",
        "messageDirection": "IN",
        "stage": "ws",
        "connectedAt": 1_742_085_982_123_i64,
        "requestTimeEpoch": 1_742_085_982_123_i64,
        "identity": {"userAgent": "test/1", "sourceIp": "192.0.2.7"},
        "requestId": request_id,
        "domainName": "chat.example",
        "connectionId": connection.id.as_str(),
        "apiId": "local",
    });
    let Value::Object(members) = members else {
        panic!("members");
    };
    context.as_object_mut().expect("a context").extend(members);
    context
}

#[test]
fn a_connect_event_has_the_members_of_a_captured_one() {
    let request = request("/ws?token=t&a=1&a=2");
    let call = call(&request);
    let connection = Connection::new("ws", &call);
    let event = payload::websocket(connection.connect_event(&request, &call)).expect("JSON");
    let trace_id = event["headers"]["X-Amzn-Trace-Id"].as_str().expect("a trace id");
    let expected = json!({
        "headers": {
            "Host": "chat.example:8080",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "User-agent": "test/1",
            "X-Amzn-Trace-Id": trace_id,
            "X-Forwarded-For": "192.0.2.7",
            "X-Forwarded-Port": "8080",
            "X-Forwarded-Proto": "http",
            "x-Twice": "2",
        },
        "multiValueHeaders": {
            "Host": ["chat.example:8080"],
            "Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25jZQ=="],
            "User-agent": ["test/1"],
            "X-Amzn-Trace-Id": [trace_id],
            "X-Forwarded-For": ["192.0.2.7"],
            "X-Forwarded-Port": ["8080"],
            "X-Forwarded-Proto": ["http"],
            "x-Twice": ["1", "2"],
        },
        "queryStringParameters": {"token": "t", "a": "2"},
        "multiValueQueryStringParameters": {"token": ["t"], "a": ["1", "2"]},
        "requestContext": context_with(&connection, &event, json!({"routeKey": "$connect", "eventType": "CONNECT"})),
        "isBase64Encoded": false,
    });
    assert_eq!(event, expected);
}

#[test]
fn a_connect_event_without_a_query_has_no_members_for_it() {
    let request = request("/ws");
    let event = payload::websocket(connection().connect_event(&request, &call(&request))).expect("JSON");
    let mut members: Vec<_> = event.as_object().expect("an event").keys().collect();
    members.sort();
    assert_eq!(
        members,
        ["headers", "isBase64Encoded", "multiValueHeaders", "requestContext"]
    );
}

#[test]
fn header_bytes_that_are_no_text_become_some() {
    let mut request = request("/ws");
    let value = http::HeaderValue::from_bytes(b"a\xffb").expect("a value");
    request.headers_mut().insert("x-odd", value);
    let event = payload::websocket(connection().connect_event(&request, &call(&request))).expect("JSON");
    assert_eq!(event["headers"]["x-odd"], "a\u{fffd}b");
}

#[test]
fn a_message_event_has_the_members_of_a_captured_one() {
    let connection = connection();
    let event = payload::websocket(connection.message_event("special", "hello", now())).expect("JSON");
    let message_id = event["requestContext"]["messageId"].as_str().expect("an id");
    assert!(message_id.len() == 16 && message_id.ends_with('='), "{message_id}");
    let members = json!({"routeKey": "special", "eventType": "MESSAGE", "messageId": message_id});
    let expected = json!({
        "requestContext": context_with(&connection, &event, members),
        "body": "hello",
        "isBase64Encoded": false,
    });
    assert_eq!(event, expected);
}

#[test]
fn a_disconnect_event_has_the_members_of_a_captured_one() {
    let away = CloseFrame {
        code: CloseCode::Away,
        reason: "".into(),
    };
    let connection = connection();
    for (ending, code, reason) in [
        (Ending::by_client(Some(away)), 1001, ""),
        (Ending::by_client(None), 1005, "Client-side close frame status not set"),
        (Ending::closed(), 1000, "Connection Closed Normally"),
        (Ending::going_away(), 1001, "Going away"),
    ] {
        let event = payload::websocket(connection.disconnect_event(&ending, now())).expect("JSON");
        let members = json!({
            "routeKey": "$disconnect",
            "eventType": "DISCONNECT",
            "disconnectStatusCode": code,
            "disconnectReason": reason,
        });
        let expected = json!({
            "headers": {"Host": "chat.example", "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""},
            "multiValueHeaders": {"Host": ["chat.example"], "x-api-key": [""], "X-Forwarded-For": [""], "x-restapi": [""]},
            "requestContext": context_with(&connection, &event, members),
            "isBase64Encoded": false,
        });
        assert_eq!(event, expected);
    }
}

#[test]
fn who_does_not_say_what_they_are_called_has_no_user_agent() {
    let mut request = request("/ws");
    request.headers_mut().remove("user-agent");
    let connection = Connection::new("ws", &call(&request));
    let event = payload::websocket(connection.message_event("$default", "x", now())).expect("JSON");
    assert_eq!(event["requestContext"]["identity"], json!({"sourceIp": "192.0.2.7"}));
}

#[test]
fn a_failure_names_connection_and_request() {
    let connection = connection();
    let expected = format!(
        r#"{{"message":"Forbidden","connectionId":"{}","requestId":"r"}}"#,
        connection.id.as_str()
    );
    assert_eq!(connection.failure_frame("Forbidden", "r"), expected, "byte for byte");
}
