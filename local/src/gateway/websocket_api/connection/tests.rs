//! Events against what API Gateway sends.

use std::net::SocketAddr;

use serde_json::Value;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::*;
use crate::gateway::call::Endpoints;

fn request() -> Request<()> {
    Request::builder()
        .uri("/ws?token=t&a=1&a=2")
        .header("host", "chat.example:8080")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("user-agent", "test/1")
        .header("x-twice", "1")
        .header("x-twice", "2")
        .body(())
        .expect("a request")
}

fn call(request: &Request<()>) -> Call {
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let endpoints = Endpoints {
        peer: address("192.0.2.7:4711"),
        local: address("127.0.0.1:8080"),
    };
    let time = DateTime::from_timestamp_millis(1_742_085_982_123).expect("a time");
    Call::new(request.headers(), endpoints, &[], time).expect("a call")
}

fn connection() -> Connection {
    Connection::new("ws", &call(&request()))
}

fn json(event: &ApiGatewayWebsocketProxyRequest) -> Value {
    serde_json::to_value(event).expect("an event")
}

#[test]
fn the_connect_event_has_the_handshakes_headers_and_query() {
    let request = request();
    let call = call(&request);
    let event = Connection::new("ws", &call).connect_event(&request, &call);
    let context = &event.request_context;
    assert_eq!(context.event_type.as_deref(), Some("CONNECT"));
    assert_eq!(context.route_key.as_deref(), Some("$connect"));
    assert_eq!(context.stage.as_deref(), Some("ws"));
    assert_eq!(context.domain_name.as_deref(), Some("chat.example"));
    assert_eq!(context.message_direction.as_deref(), Some("IN"));
    assert_eq!(context.identity.source_ip.as_deref(), Some("192.0.2.7"));
    assert_eq!(context.identity.user_agent.as_deref(), Some("test/1"));
    assert_eq!(context.request_time.as_deref(), Some("16/Mar/2025:00:46:22 +0000"));
    assert_eq!(context.request_time_epoch, 1_742_085_982_123);
    assert_eq!(context.connected_at, context.request_time_epoch);
    assert_eq!(context.request_id, context.extended_request_id);
    assert_eq!(event.query_string_parameters.all("a"), Some(vec!["2"]));
    assert_eq!(event.multi_value_query_string_parameters.all("a"), Some(vec!["1", "2"]));
    assert_eq!(event.query_string_parameters.first("token"), Some("t"));
    assert_eq!(event.headers["x-twice"], "2");
    assert_eq!(event.multi_value_headers.get_all("x-twice").iter().count(), 2);
    assert_eq!(event.headers["x-forwarded-for"], "192.0.2.7");
    assert!(!event.headers.contains_key("upgrade"));
    assert_eq!(event.body, None);
}

#[test]
fn the_message_event_has_a_body_and_no_headers() {
    let connection = connection();
    let event = connection.message_event("$default", "hello", DateTime::default());
    assert_eq!(event.request_context.event_type.as_deref(), Some("MESSAGE"));
    assert_eq!(event.body.as_deref(), Some("hello"));
    assert!(event.headers.is_empty());
    let json = json(&event);
    assert_eq!(json["requestContext"]["connectionId"], connection.id.as_str());
    assert_eq!(json["requestContext"]["messageId"].as_str().map(str::len), Some(16));
    assert_eq!(json["isBase64Encoded"], false);
}

#[test]
fn the_disconnect_event_tells_code_and_reason() {
    let away = CloseFrame {
        code: CloseCode::Away,
        reason: "".into(),
    };
    for (ending, code, reason) in [
        (Ending::by_client(Some(away)), 1001, ""),
        (Ending::by_client(None), 1005, "Client-side close frame status not set"),
        (Ending::closed(), 1000, "Connection Closed Normally"),
        (Ending::going_away(), 1001, "Going away"),
    ] {
        let json = json(&connection().disconnect_event(&ending, DateTime::default()));
        assert_eq!(json["requestContext"]["eventType"], "DISCONNECT");
        assert_eq!(json["requestContext"]["disconnectStatusCode"], code);
        assert_eq!(json["requestContext"]["disconnectReason"], reason);
        assert_eq!(json["headers"]["host"], "chat.example");
        assert_eq!(json["headers"]["x-forwarded-for"], "192.0.2.7");
        assert_eq!(json["headers"]["x-api-key"], "");
        assert_eq!(json["headers"]["x-restapi"], "");
    }
}

#[test]
fn a_failure_names_connection_and_request() {
    let connection = connection();
    let frame: Value = serde_json::from_str(&connection.failure_frame("Forbidden", "r")).expect("JSON");
    let expected = json!({"message": "Forbidden", "connectionId": connection.id.as_str(), "requestId": "r"});
    assert_eq!(frame, expected);
}
