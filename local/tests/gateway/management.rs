//! `@connections` over raw HTTP.

mod access;
mod sdk;

use local::gateway::Options;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use shared::domain::ConnectionId;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::connect_async;

use crate::harness::{Client, Harness};

/// A call's status, error type and body.
struct Answer {
    status: StatusCode,
    error: Option<String>,
    body: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let error = response.headers().get("x-amzn-errortype");
        Self {
            status: response.status(),
            error: error.map(|kind| kind.to_str().expect("a type").to_owned()),
            body: response.text().await.expect("a body"),
        }
    }

    /// Checks for an error that the SDKs understand.
    fn assert_error(&self, status: u16, kind: &str) {
        assert_eq!(
            (self.status.as_u16(), self.error.as_deref()),
            (status, Some(kind)),
            "{}",
            self.body
        );
        let body: Value = serde_json::from_str(&self.body).expect("JSON");
        assert!(
            body["message"].as_str().is_some_and(|message| !message.is_empty()),
            "{body}"
        );
    }
}

/// Makes a call for the path below the stage's.
async fn call(harness: &Harness, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = reqwest::Client::new()
        .request(method, harness.url(&format!("/ws{path}")))
        .header("content-type", "application/octet-stream")
        .body(body);
    Answer::of(request.send().await.expect("an answer")).await
}

fn path(id: &ConnectionId) -> String {
    format!("/@connections/{}", id.as_str().replace('=', "%3D"))
}

async fn post(harness: &Harness, id: &ConnectionId, body: impl Into<reqwest::Body>) -> Answer {
    call(harness, Method::POST, &path(id), body).await
}

async fn connected() -> (Harness, Client, ConnectionId) {
    let mut harness = Harness::start().await;
    let (client, id) = harness.connect().await;
    (harness, client, id)
}

#[tokio::test]
async fn a_post_is_a_text_frame_and_answers_with_nothing() {
    let (harness, mut client, id) = connected().await;
    let answer = post(&harness, &id, "{\"é\": \"\\u0000 😀\"}\n").await;
    assert_eq!(
        (answer.status, answer.error, answer.body.as_str()),
        (StatusCode::OK, None, "")
    );
    assert_eq!(client.text().await, "{\"é\": \"\\u0000 😀\"}\n");
}

#[tokio::test]
async fn an_id_may_be_encoded_in_any_way() {
    let (harness, mut client, id) = connected().await;
    let raw = id.as_str();
    let all = raw.bytes().fold(String::new(), |all, byte| format!("{all}%{byte:02x}"));
    for path in [
        format!("/@connections/{raw}"),
        format!("/@connections/{}", raw.replace('=', "%3D")),
        format!("/@connections/{}", raw.replace('=', "%3d")),
        format!("/%40connections/{}", raw.replace('=', "%3D")),
        format!("/%40connections/{all}"),
        format!("/%40%63%6fnnections%2f{all}"),
    ] {
        let answer = call(&harness, Method::POST, &path, path.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert_eq!(client.text().await, path);
    }
}

#[tokio::test]
async fn a_frame_of_128_kb_is_taken_and_one_byte_more_is_too_large() {
    let (harness, mut client, id) = connected().await;
    let largest = "x".repeat(128 * 1024);
    assert_eq!(post(&harness, &id, largest.clone()).await.status, StatusCode::OK);
    assert_eq!(client.text().await, largest);
    for size in [128 * 1024 + 1, 300 * 1024] {
        let answer = post(&harness, &id, "x".repeat(size)).await;
        answer.assert_error(413, "PayloadTooLargeException");
    }
}

#[tokio::test]
async fn what_is_not_utf_8_is_refused_and_nothing_is_sent() {
    let (harness, mut client, id) = connected().await;
    post(&harness, &id, vec![b'a', 0xff])
        .await
        .assert_error(400, "BadRequestException");
    post(&harness, &id, "next").await;
    assert_eq!(client.text().await, "next");
}

#[tokio::test]
async fn whoever_has_left_or_never_was_there_is_gone() {
    let (mut harness, mut client, id) = connected().await;
    client.0.close(None).await.expect("a close");
    harness.disconnect().await;
    for id in [id, ConnectionId::new("L0SM9cOFvHcCIhw="), ConnectionId::new("x")] {
        for method in [Method::POST, Method::GET, Method::DELETE] {
            let answer = call(&harness, method, &path(&id), "x").await;
            answer.assert_error(410, "GoneException");
        }
    }
}

#[tokio::test]
async fn before_connect_has_answered_a_connection_is_gone() {
    let mut harness = Harness::start().await;
    let _connecting = tokio::spawn(connect_async(format!("ws://{}/ws?do=hang", harness.address)));
    let id = harness.connected().await;
    for method in [Method::POST, Method::GET, Method::DELETE] {
        let answer = call(&harness, method, &path(&id), "x").await;
        answer.assert_error(410, "GoneException");
    }
}

#[tokio::test]
async fn a_connection_is_described() {
    let mut harness = Harness::start().await;
    let (mut client, id) = harness.connect_as("a browser").await;
    let described = async || {
        let answer = call(&harness, Method::GET, &path(&id), "").await;
        assert_eq!(answer.status, StatusCode::OK);
        serde_json::from_str::<Value>(&answer.body).expect("JSON")
    };
    let before = described().await;
    let connected_at = before["connectedAt"].clone();
    let shape = json!({
        "connectedAt": connected_at,
        "identity": {"sourceIp": "127.0.0.1", "userAgent": "a browser"},
        "lastActiveAt": before["lastActiveAt"],
    });
    assert_eq!(before, shape);
    let text = connected_at.as_str().expect("a time");
    let time = chrono::DateTime::parse_from_rfc3339(text).expect("ISO 8601");
    assert_eq!(time.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Millis, true), text);

    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    client.send("x").await;
    assert_eq!(client.text().await, "x");
    let after = described().await;
    assert_eq!(after["connectedAt"], connected_at);
    assert!(
        after["lastActiveAt"].as_str() > before["lastActiveAt"].as_str(),
        "{after}"
    );
}

#[tokio::test]
async fn a_client_that_does_not_name_itself_has_no_user_agent() {
    let (harness, _client, id) = connected().await;
    let answer = call(&harness, Method::GET, &path(&id), "").await;
    let body: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(body["identity"], json!({"sourceIp": "127.0.0.1"}));
}

#[tokio::test]
async fn a_deleted_connection_is_closed_and_its_disconnect_follows() {
    let (mut harness, mut client, id) = connected().await;
    post(&harness, &id, "last").await;
    let answer = call(&harness, Method::DELETE, &path(&id), "").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NO_CONTENT, ""));
    post(&harness, &id, "late").await.assert_error(410, "GoneException");
    assert_eq!(client.text().await, "last");
    let normally = || "Connection Closed Normally".to_owned();
    assert_eq!(client.close_frame().await, (1000, normally()));
    assert_eq!(harness.disconnect().await, (1000, normally()));
    assert!(harness.is_quiet().await, "one disconnect");
}

#[tokio::test]
async fn other_methods_are_no_operations() {
    let (harness, _client, id) = connected().await;
    for method in [Method::PUT, Method::PATCH, Method::OPTIONS] {
        let answer = call(&harness, method, &path(&id), "").await;
        answer.assert_error(403, "MissingAuthenticationTokenException");
    }
    let head = call(&harness, Method::HEAD, &path(&id), "").await;
    assert_eq!(head.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn other_paths_below_the_stage_are_the_templates() {
    let harness = Harness::start_with(Options::default()).await;
    for path in ["/connections/x", "/@connections", "/@connections/", "/x/@connections/y"] {
        let answer = call(&harness, Method::GET, path, "").await;
        assert_eq!((answer.status, answer.error), (StatusCode::NOT_FOUND, None), "{path}");
    }
    let other_stage = reqwest::get(harness.url("/other/@connections/x"))
        .await
        .expect("an answer");
    assert_eq!(other_stage.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn calls_share_a_connection() {
    let (harness, mut client, id) = connected().await;
    let mut caller = harness.tcp().await;
    for number in 0..20 {
        let head = format!(
            "POST /ws{} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n",
            path(&id)
        );
        caller
            .write_all(format!("{head}{number:02}").as_bytes())
            .await
            .expect("a request");
        assert_eq!(client.text().await, format!("{number:02}"));
    }
}
