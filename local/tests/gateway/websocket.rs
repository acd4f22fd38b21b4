//! The WebSocket API: handshakes, events, routes, ends.

use std::time::Duration;

use futures_util::SinkExt;
use local::gateway::{Options, QueueLimits, WebSocketOptions};
use serde_json::Value;
use shared::domain::ConnectionId;
use shared::push::{Push, PushError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::harness::{Harness, TEMPLATE, in_time};

/// The status with which a handshake was refused.
fn refusal(error: Error) -> u16 {
    match error {
        Error::Http(response) => response.status().as_u16(),
        other => panic!("a refusal, not {other:?}"),
    }
}

fn quick(integration_timeout: Duration) -> Options {
    let websocket = WebSocketOptions {
        integration_timeout,
        ..WebSocketOptions::default()
    };
    Options {
        websocket,
        ..Options::default()
    }
}

#[tokio::test]
async fn a_plain_get_needs_an_upgrade() {
    let harness = Harness::start().await;
    let response = reqwest::get(harness.url("/ws")).await.expect("an answer");
    assert_eq!(response.status().as_u16(), 426);
    assert_eq!(response.headers()["upgrade"], "websocket");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["message"], "Upgrade Required");
}

#[tokio::test]
async fn a_handshake_in_a_version_of_http_without_upgrades_gets_nowhere() {
    let mut harness = Harness::start().await;
    let mut client = harness.tcp().await;
    let handshake = b"GET /ws HTTP/1.0\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.write_all(handshake).await.expect("a handshake");
    let mut answer = String::new();
    in_time(client.read_to_string(&mut answer)).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.0 426 "), "{answer}");
    assert!(harness.is_quiet().await);
}

#[tokio::test]
async fn the_status_of_connect_decides_the_handshake() {
    let mut harness = Harness::start_with(quick(Duration::from_secs(1))).await;
    for (query, status) in [
        ("status=401", 401),
        ("status=403", 403),
        ("status=503", 503),
        ("status=101", 502),
        ("status=0", 502),
        ("do=fail", 502),
        ("do=panic", 502),
        ("do=hang", 502),
    ] {
        let error = harness.try_connect(query).await.err().expect("a refusal");
        assert_eq!(refusal(error), status, "{query}");
        let connect = harness.event("CONNECT").await;
        let id = connect["requestContext"]["connectionId"].as_str().expect("an id");
        let is_open = harness.connections.is_open(&ConnectionId::new(id)).await;
        assert_eq!(is_open, Err(PushError::Gone), "{query}");
    }
    assert!(harness.is_quiet().await, "a refused connection has no $disconnect");
    harness.try_connect("status=204").await.expect("a connection");
}

#[tokio::test]
async fn a_connection_is_told_from_begin_to_end() {
    let mut harness = Harness::start().await;
    let mut client = harness.try_connect("token=t&do=wait").await.expect("a connection");
    let connect = harness.event("CONNECT").await;
    assert_eq!(connect["requestContext"]["routeKey"], "$connect");
    assert_eq!(connect["requestContext"]["stage"], "ws");
    assert_eq!(connect["requestContext"]["identity"]["sourceIp"], "127.0.0.1");
    assert_eq!(connect["multiValueQueryStringParameters"]["token"][0], "t");
    let id = connect["requestContext"]["connectionId"].as_str().expect("an id");
    assert!(id.len() == 16 && id.ends_with('='), "{id}");

    client.send("hello").await;
    let message = harness.event("MESSAGE").await;
    assert_eq!(message["requestContext"]["routeKey"], "$default");
    assert_eq!(message["requestContext"]["connectionId"], id);
    assert_eq!(
        message["requestContext"]["connectedAt"],
        connect["requestContext"]["connectedAt"]
    );
    assert_eq!(message["body"], "hello");
    assert_eq!(client.text().await, "hello");

    client.0.close(None).await.expect("a close");
    let disconnect = harness.event("DISCONNECT").await;
    assert_eq!(disconnect["requestContext"]["routeKey"], "$disconnect");
    assert_eq!(disconnect["requestContext"]["connectionId"], id);
    assert!(harness.is_quiet().await, "$disconnect fires once");
}

#[tokio::test]
async fn the_end_is_told_as_the_client_put_it() {
    let mut harness = Harness::start().await;
    let away = CloseFrame {
        code: CloseCode::Away,
        reason: "".into(),
    };
    let own = CloseFrame {
        code: CloseCode::Library(4001),
        reason: "bye".into(),
    };
    for (frame, code, reason) in [
        (None, 1005, "Client-side close frame status not set"),
        (Some(away), 1001, ""),
        (Some(own), 4001, "bye"),
    ] {
        let (mut client, _) = harness.connect().await;
        client.0.close(frame).await.expect("a close");
        assert!(
            matches!(client.next().await, Some(Ok(Message::Close(_)))),
            "the close is answered"
        );
        assert!(client.next().await.is_none());
        assert_eq!(harness.disconnect().await, (code, reason.to_owned()));
    }
}

#[tokio::test]
async fn a_broken_connection_ends_abnormally() {
    let mut harness = Harness::start().await;
    let (client, _) = harness.connect().await;
    drop(client);
    assert_eq!(harness.disconnect().await.0, 1006);
}

#[tokio::test]
async fn messages_are_handled_one_after_the_other() {
    let mut harness = Harness::start().await;
    let (mut client, _) = harness.connect().await;
    let messages = ["wait 50", "a", "wait 10", "b", "c"];
    for message in messages {
        client.0.feed(Message::text(message)).await.expect("a message");
    }
    client.0.flush().await.expect("messages");
    for expected in ["waited", "a", "waited", "b", "c"] {
        assert_eq!(client.text().await, expected);
    }
    for expected in messages {
        assert_eq!(harness.event("MESSAGE").await["body"], expected);
    }
}

#[tokio::test]
async fn messages_sent_before_the_close_are_handled_before_the_end() {
    let mut harness = Harness::start().await;
    let (mut client, _) = harness.connect().await;
    for message in ["wait 50", "a", "b"] {
        client.send(message).await;
    }
    client.0.close(None).await.expect("a close");
    for expected in ["wait 50", "a", "b"] {
        assert_eq!(harness.event("MESSAGE").await["body"], expected);
    }
    assert_eq!(harness.disconnect().await.0, 1005);
    for expected in ["waited", "a", "b"] {
        assert_eq!(client.text().await, expected);
    }
}

#[tokio::test]
async fn a_failure_is_told_in_a_frame_and_the_socket_stays_open() {
    let mut harness = Harness::start_with(quick(Duration::from_secs(1))).await;
    let (mut client, id) = harness.connect().await;
    for command in ["fail", "panic", "hang"] {
        client.send(command).await;
        let frame: Value = serde_json::from_str(&client.text().await).expect("JSON");
        assert_eq!(frame["message"], "Internal server error", "{command}");
        assert_eq!(frame["connectionId"], id.as_str());
        let event = harness.event("MESSAGE").await;
        assert_eq!(frame["requestId"], event["requestContext"]["requestId"]);
    }
    client.send("still there").await;
    assert_eq!(client.text().await, "still there");
}

#[tokio::test]
async fn neither_status_nor_body_of_an_answer_is_sent() {
    let mut harness = Harness::start().await;
    let (mut client, _) = harness.connect().await;
    client.send("refuse").await;
    client.send("next").await;
    assert_eq!(client.text().await, "next");
}

#[tokio::test]
async fn a_message_chooses_its_route_but_never_the_gateways_own() {
    let mut harness = Harness::start().await;
    let (mut client, _) = harness.connect().await;
    for (message, route_key) in [
        (r#"{"type":"special"}"#, "special"),
        (r#"{"type":"other"}"#, "$default"),
        (r#"{"type":"$connect"}"#, "$default"),
        (r#"{"type":"$disconnect"}"#, "$default"),
        ("no json", "$default"),
    ] {
        client.send(message).await;
        let event = harness.event("MESSAGE").await;
        assert_eq!(event["requestContext"]["routeKey"], route_key, "{message}");
    }
}

#[tokio::test]
async fn a_message_without_a_route_is_forbidden() {
    let template = TEMPLATE.replace("        $default: {FunctionArn: !GetAtt Socket.Arn}\n", "");
    let mut harness = Harness::start_from(&template, Options::default(), QueueLimits::default()).await;
    let (mut client, id) = harness.connect().await;
    client.send("anything").await;
    let frame: Value = serde_json::from_str(&client.text().await).expect("JSON");
    assert_eq!(frame["message"], "Forbidden");
    assert_eq!(frame["connectionId"], id.as_str());
    assert!(frame["requestId"].is_string());
    client.send(r#"{"type":"special"}"#).await;
    assert_eq!(client.text().await, r#"{"type":"special"}"#);
}

#[tokio::test]
async fn a_client_that_leaves_during_its_handshake_is_disconnected() {
    let mut harness = Harness::start().await;
    let mut client = harness.tcp().await;
    let handshake = b"GET /ws?do=wait HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.write_all(handshake).await.expect("a handshake");
    harness.event("CONNECT").await;
    drop(client);
    assert_eq!(harness.disconnect().await.0, 1006);
}

#[tokio::test]
async fn connect_may_choose_a_subprotocol_that_was_offered() {
    let harness = Harness::start().await;
    for (query, chosen) in [("protocol=b", Some("b")), ("protocol=x", None), ("", None)] {
        let mut request = format!("ws://{}/ws?{query}", harness.address)
            .into_client_request()
            .expect("a request");
        let offered = "a, b".parse().expect("a header");
        request.headers_mut().insert("sec-websocket-protocol", offered);
        let response = match in_time(connect_async(request)).await {
            Ok((_, response)) => response,
            // The client insists on a choice.
            Err(Error::Protocol(_)) if chosen.is_none() => continue,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(
            response
                .headers()
                .get("sec-websocket-protocol")
                .and_then(|p| p.to_str().ok()),
            chosen
        );
    }
}
