//! The JSON of events from the client's bytes to the function, against captures from API Gateway. What differs from one
//! request to the next is checked for its shape and then taken over into the expected document.

use axum::Json;
use chrono::NaiveDateTime;
use local::gateway::Options;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Harness, in_time};
use crate::invoke_api::InvokeApi;

/// The mask that clients' frames need; zeros leave the text as it is.
const MASK: [u8; 4] = [0; 4];

async fn gateway() -> (InvokeApi, Harness) {
    let api = InvokeApi::answering(Json(json!({"statusCode": 200}))).await;
    let harness = Harness::start_lambda(&api.url(), Options::default()).await;
    (api, harness)
}

/// Sends bytes and reads the head of the answer.
async fn exchange(client: &mut TcpStream, request: &str) -> String {
    client.write_all(request.as_bytes()).await.expect("a request");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(in_time(client.read_u8()).await.expect("an answer"));
    }
    String::from_utf8(head).expect("text")
}

/// A member that is an id as API Gateway writes them.
fn id(object: &Value, member: &str) -> String {
    let id = object[member].as_str().expect("an id");
    let is_url_safe = id.chars().all(|c| c.is_ascii_alphanumeric() || "-_=".contains(c));
    assert!(id.len() == 16 && id.ends_with('=') && is_url_safe, "{member}: {id}");
    id.to_owned()
}

/// A member that is a trace id.
fn trace_id(headers: &Value, member: &str) -> String {
    let trace_id = headers[member].as_str().expect("a trace id");
    let parts: Vec<_> = trace_id.split('-').map(str::len).collect();
    assert!(trace_id.starts_with("Root=1-") && parts == [6, 8, 24], "{trace_id}");
    trace_id.to_owned()
}

/// A time in milliseconds, which another member must tell in words.
fn epoch(context: &Value, member: &str, words: &str) -> i64 {
    let epoch = context[member].as_i64().expect("a time");
    let words = context[words].as_str().expect("a time in words");
    let time = NaiveDateTime::parse_from_str(words, "%d/%b/%Y:%H:%M:%S +0000").expect("a time in words");
    assert_eq!(time.and_utc().timestamp(), epoch.div_euclid(1000));
    epoch
}

/// The context of an event on the connection that began with `connect`.
fn context_of(event: &Value, connect: &Value, members: &Value) -> Value {
    let context = &event["requestContext"];
    let request_id = id(context, "requestId");
    let mut expected = json!({
        "extendedRequestId": request_id,
        "requestTime": context["requestTime"],
        "messageDirection": "IN",
        "stage": "ws",
        "connectedAt": connect["requestContext"]["requestTimeEpoch"],
        "requestTimeEpoch": epoch(context, "requestTimeEpoch", "requestTime"),
        "identity": {"userAgent": "test/1", "sourceIp": "127.0.0.1"},
        "requestId": request_id,
        "domainName": "chat.example",
        "connectionId": id(&connect["requestContext"], "connectionId"),
        "apiId": "local",
    });
    let members = members.as_object().expect("members").clone();
    expected.as_object_mut().expect("an object").extend(members);
    expected
}

#[tokio::test]
async fn the_events_of_a_connection_are_those_of_the_service() {
    let (api, harness) = gateway().await;
    let mut client = harness.tcp().await;
    let answer = exchange(
        &mut client,
        "GET /ws?token=t&a=1&a=%C3%A9 HTTP/1.1\r\nHost: chat.example:8443\r\nUser-agent: test/1\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         x-Odd-CASE: 1\r\nX-oDD-case: 2\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    client.write_all(&[0x81, 0x80 | 2]).await.expect("a frame");
    client.write_all(&MASK).await.expect("a frame");
    client.write_all(b"{}").await.expect("a frame");
    client.write_all(&[0x88, 0x80 | 5]).await.expect("a close frame");
    client.write_all(&MASK).await.expect("a close frame");
    client.write_all(&[0x03, 0xe9]).await.expect("a close frame");
    client.write_all(b"bye").await.expect("a close frame");
    let events = api.received(3).await;
    let [connect, message, disconnect] = [0, 1, 2].map(|index| &events[index].event);

    let port = harness.address.port().to_string();
    let trace_id = trace_id(&connect["headers"], "X-Amzn-Trace-Id");
    let expected = json!({
        "headers": {
            "Host": "chat.example:8443",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
            "User-agent": "test/1",
            "X-Amzn-Trace-Id": trace_id,
            "X-Forwarded-For": "127.0.0.1",
            "X-Forwarded-Port": port,
            "X-Forwarded-Proto": "http",
            "X-oDD-case": "2",
        },
        "multiValueHeaders": {
            "Host": ["chat.example:8443"],
            "Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25jZQ=="],
            "Sec-WebSocket-Version": ["13"],
            "User-agent": ["test/1"],
            "X-Amzn-Trace-Id": [trace_id],
            "X-Forwarded-For": ["127.0.0.1"],
            "X-Forwarded-Port": [port],
            "X-Forwarded-Proto": ["http"],
            "X-oDD-case": ["1", "2"],
        },
        "queryStringParameters": {"token": "t", "a": "é"},
        "multiValueQueryStringParameters": {"token": ["t"], "a": ["1", "é"]},
        "requestContext": context_of(connect, connect, &json!({"routeKey": "$connect", "eventType": "CONNECT"})),
        "isBase64Encoded": false,
    });
    assert_eq!(*connect, expected);

    let message_id = id(&message["requestContext"], "messageId");
    let members = json!({"routeKey": "$default", "eventType": "MESSAGE", "messageId": message_id});
    let expected = json!({
        "requestContext": context_of(message, connect, &members),
        "body": "{}",
        "isBase64Encoded": false,
    });
    assert_eq!(*message, expected);

    let members = json!({
        "routeKey": "$disconnect",
        "eventType": "DISCONNECT",
        "disconnectStatusCode": 1001,
        "disconnectReason": "bye",
    });
    let expected = json!({
        "headers": {"Host": "chat.example", "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""},
        "multiValueHeaders": {"Host": ["chat.example"], "x-api-key": [""], "X-Forwarded-For": [""], "x-restapi": [""]},
        "requestContext": context_of(disconnect, connect, &members),
        "isBase64Encoded": false,
    });
    assert_eq!(*disconnect, expected);
}

#[tokio::test]
async fn the_event_of_a_request_is_that_of_the_service() {
    let (api, harness) = gateway().await;
    let mut client = harness.tcp().await;
    exchange(
        &mut client,
        "PUT /echo/a%20b?x=1&y=%C3%A9&x=2 HTTP/1.1\r\nHost: chat.example\r\nUser-Agent: test/1\r\nX-Twice: 1\r\nX-TWICE: 2\r\n\
         Cookie: a=1; b=2\r\nContent-Type: application/octet-stream\r\nContent-Length: 2\r\n\r\nhi",
    )
    .await;
    let events = api.received(1).await;
    let event = &events[0].event;
    let context = &event["requestContext"];
    let expected = json!({
        "version": "2.0",
        "routeKey": "ANY /echo/{name}",
        "rawPath": "/echo/a b",
        "rawQueryString": "x=1&y=%C3%A9&x=2",
        "cookies": ["a=1", "b=2"],
        "headers": {
            "content-length": "2",
            "content-type": "application/octet-stream",
            "host": "chat.example",
            "user-agent": "test/1",
            "x-amzn-trace-id": trace_id(&event["headers"], "x-amzn-trace-id"),
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": harness.address.port().to_string(),
            "x-forwarded-proto": "http",
            "x-twice": "1,2",
        },
        "queryStringParameters": {"x": "1,2", "y": "é"},
        "pathParameters": {"name": "a b"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "chat.example",
            "domainPrefix": "chat",
            "http": {
                "method": "PUT",
                "path": "/echo/a b",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "test/1",
            },
            "requestId": id(context, "requestId"),
            "routeKey": "ANY /echo/{name}",
            "stage": "$default",
            "time": context["time"],
            "timeEpoch": epoch(context, "timeEpoch", "time"),
        },
        "body": "aGk=",
        "isBase64Encoded": true,
    });
    assert_eq!(*event, expected);
}
