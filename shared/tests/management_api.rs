//! The management API's client, against a gateway that answers as it is told.

#![cfg(feature = "lambda")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_apigatewaymanagement::config::retry::RetryConfig;
use aws_sdk_apigatewaymanagement::config::timeout::TimeoutConfig;
use aws_sdk_apigatewaymanagement::config::{self, Credentials, Region};
use bytes::Bytes;
use shared::domain::ConnectionId;
use shared::push::management_api::ManagementApi;
use shared::push::{Push, PushError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long anything may take before a test fails: far more than it ever takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(40);

/// What `GET` answers for a connection that is open.
const OPEN: &str = r#"{"connectedAt":"2026-01-02T03:04:05Z","lastActiveAt":"2026-01-02T03:04:05Z","identity":{"sourceIp":"192.0.2.7","userAgent":"x"}}"#;

/// A gateway that gives every request the same answer.
struct FakeGateway {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
    /// Those who wait for an answer, where it gives none by itself.
    waiting: Arc<Mutex<Vec<TcpStream>>>,
}

impl FakeGateway {
    /// Gives this answer, whatever it is; none at all where it is empty.
    async fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/ws", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let waiting = Arc::new(Mutex::new(Vec::new()));
        let (seen, silent) = (Arc::clone(&requests), Arc::clone(&waiting));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read_request(&mut stream).await;
                seen.lock().unwrap().push(request);
                if answer.is_empty() {
                    silent.lock().unwrap().push(stream);
                } else {
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        Self { url, requests, waiting }
    }

    /// Gives answers with this status, error type and body.
    async fn with(status: u16, error: &str, body: &str) -> Self {
        let error = if error.is_empty() {
            String::new()
        } else {
            format!("x-amzn-errortype: {error}\r\n")
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status} x\r\n{error}content-length: {length}\r\nconnection: close\r\n\r\n");
        Self::start(head + body).await
    }

    async fn api(&self) -> ManagementApi {
        api(settings(&self.url).await)
    }

    /// Waits until so many wait for an answer.
    async fn wait_for(&self, count: usize) {
        let all_there = async {
            while self.waiting.lock().unwrap().len() < count {
                sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(timeout(DEADLINE, all_there).await.is_ok(), "too few requests in time");
    }

    /// Answers the one who came last of those who wait.
    async fn answer_the_last(&self) {
        let mut stream = self.waiting.lock().unwrap().pop().unwrap();
        let answer = b"HTTP/1.1 200 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A request's head, and its body as long as the head says.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split_once("content-length: ").map_or("0", |(_, rest)| rest);
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if body.len() >= length {
                return String::from_utf8(bytes).unwrap();
            }
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "half a request: {text}");
    }
}

/// The product's settings, with credentials and without the seconds between two attempts.
async fn settings(url: &str) -> config::Builder {
    ManagementApi::settings(url)
        .await
        .unwrap()
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("an id", "a key", None, None, "test"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
}

fn api(settings: config::Builder) -> ManagementApi {
    ManagementApi::new(settings.build())
}

fn connection() -> ConnectionId {
    ConnectionId::new("L0SM9cOFvHcCIhw=")
}

async fn post(api: &ManagementApi) -> Result<(), PushError> {
    api.post(&connection(), Bytes::from_static(b"{}")).await
}

fn is_unreachable<T>(outcome: &Result<T, PushError>) -> bool {
    matches!(outcome, Err(PushError::Unreachable(_)))
}

#[tokio::test]
async fn a_frame_is_posted_as_it_is_to_its_connection() {
    let gateway = FakeGateway::with(200, "", "").await;
    let api = gateway.api().await;
    let frame = "{\"content\": \"é \\u0000 😀\"}\n";
    for id in ["L0SM9cOFvHcCIhw=", "a/b c?d#e%é"] {
        assert_eq!(api.post(&ConnectionId::new(id), Bytes::from(frame)).await, Ok(()));
    }
    let requests = gateway.requests();
    let paths = ["L0SM9cOFvHcCIhw%3D", "a%2Fb%20c%3Fd%23e%25%C3%A9"];
    assert_eq!(requests.len(), paths.len());
    for (request, path) in requests.iter().zip(paths) {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let line = format!("POST /ws/@connections/{path} HTTP/1.1\r\n");
        assert!(head.starts_with(&line), "{head}");
        assert!(
            head.contains("authorization: AWS4-HMAC-SHA256 Credential=an id/"),
            "{head}"
        );
        assert!(head.contains("/eu-central-1/execute-api/aws4_request"), "{head}");
        assert_eq!(body, frame);
    }
}

#[tokio::test]
async fn a_kept_connection_that_is_reset_is_replaced_by_another() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/ws", listener.local_addr().unwrap());
    let gateway = async {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let (mut first, _) = listener.accept().await.unwrap();
        read_request(&mut first).await;
        first.write_all(answer).await.unwrap();
        read_request(&mut first).await;
        first.set_zero_linger().unwrap();
        drop(first);
        let (mut second, _) = listener.accept().await.unwrap();
        read_request(&mut second).await;
        second.write_all(answer).await.unwrap();
    };
    let api = api(settings(&url).await);
    let posts = async { (post(&api).await, post(&api).await) };
    let (outcomes, ()) = tokio::join!(posts, gateway);
    assert_eq!(outcomes, (Ok(()), Ok(())));
}

#[tokio::test]
async fn each_refusal_of_a_frame_is_understood() {
    for (status, error, expected, attempts) in [
        (410, "GoneException", PushError::Gone, 1),
        (413, "PayloadTooLargeException", PushError::TooLarge, 1),
        (429, "LimitExceededException", PushError::Busy, 3),
    ] {
        let gateway = FakeGateway::with(status, error, r#"{"message":"x"}"#).await;
        assert_eq!(post(&gateway.api().await).await, Err(expected));
        assert_eq!(gateway.requests().len(), attempts, "{error}");
    }
}

#[tokio::test]
async fn whatever_else_is_answered_is_no_answer() {
    for (status, error, body) in [
        (403, "ForbiddenException", r#"{"message":"Forbidden"}"#),
        (404, "", r#"{"message":"Not Found"}"#),
        (500, "", "<html>"),
        (503, "ServiceUnavailableException", ""),
        (302, "", ""),
    ] {
        let gateway = FakeGateway::with(status, error, body).await;
        let api = gateway.api().await;
        let outcomes = (
            post(&api).await,
            api.close(&connection()).await,
            api.is_open(&connection()).await,
        );
        let unreachable = is_unreachable(&outcomes.0) && is_unreachable(&outcomes.1) && is_unreachable(&outcomes.2);
        assert!(unreachable, "{status}: {outcomes:?}");
    }
}

#[tokio::test]
async fn what_does_not_speak_http_is_no_gateway() {
    let gateway = FakeGateway::start("SSH-2.0-OpenSSH_9.9\r\n".to_owned()).await;
    let outcome = post(&gateway.api().await).await;
    assert!(is_unreachable(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn where_nobody_listens_a_frame_fails_at_once() {
    // Nothing ever listens on port 1 of a test machine.
    let outcome = post(&api(settings("http://127.0.0.1:1/ws").await)).await;
    assert!(is_unreachable(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn a_gateway_that_hangs_is_given_up() {
    let product = ManagementApi::settings("http://localhost/ws").await.unwrap().build();
    let timeouts = product.timeout_config().unwrap();
    assert_eq!(timeouts.connect_timeout(), Some(Duration::from_secs(2)));
    assert_eq!(timeouts.operation_timeout(), Some(Duration::from_secs(5)));
    assert_eq!(timeouts.operation_attempt_timeout(), Some(Duration::from_secs(2)));

    let gateway = FakeGateway::start(String::new()).await;
    // Shorter than an attempt's, so that there is one.
    let limit = Duration::from_secs(1);
    let short = TimeoutConfig::builder().operation_timeout(limit).build();
    let api = api(settings(&gateway.url).await.timeout_config(short));
    let start = Instant::now();
    let outcome = post(&api).await;
    assert!(is_unreachable(&outcome), "{outcome:?}");
    assert!(start.elapsed() >= limit, "{:?}", start.elapsed());
    assert_eq!(gateway.requests().len(), 1, "it was asked");
}

#[tokio::test]
async fn an_attempt_without_an_answer_is_followed_by_another() {
    let gateway = FakeGateway::start(String::new()).await;
    let api = gateway.api().await;
    let answer_the_second = async {
        gateway.wait_for(2).await;
        gateway.answer_the_last().await;
    };
    let (outcome, ()) = tokio::join!(post(&api), answer_the_second);
    assert_eq!(outcome, Ok(()));
}

#[tokio::test]
async fn of_64_posts_at_once_63_that_hang_hold_nobody_up() {
    let gateway = FakeGateway::start(String::new()).await;
    // Whoever is given up is followed by another attempt, which would be counted too.
    let patient = TimeoutConfig::builder()
        .operation_timeout(DEADLINE)
        .operation_attempt_timeout(DEADLINE)
        .build();
    let api = api(settings(&gateway.url).await.timeout_config(patient));
    let mut posts = JoinSet::new();
    for _ in 0..100 {
        let api = api.clone();
        posts.spawn(async move { post(&api).await });
    }
    // One place is left, and all others go through it.
    for asked in 64..100 {
        gateway.wait_for(64).await;
        assert_eq!(gateway.requests().len(), asked, "no more than 64 at once");
        gateway.answer_the_last().await;
        assert_eq!(posts.join_next().await.unwrap().unwrap(), Ok(()));
    }
    gateway.wait_for(64).await;
    assert_eq!(gateway.requests().len(), 100);
}

#[tokio::test]
async fn without_credentials_a_frame_fails_and_no_machine_is_asked_for_any() {
    let gateway = FakeGateway::with(200, "", "").await;
    let this_test = std::env::current_exe().unwrap();
    // Variables can't be unset safely in a process with threads, so another one runs without.
    let child = tokio::process::Command::new(this_test)
        .args(["--exact", "without_an_environment", "--ignored"])
        .env_clear()
        .env("CALLBACK_URL", &gateway.url)
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &gateway.url)
        .output();
    let output = child.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(gateway.requests(), Vec::<String>::new());
}

#[tokio::test]
#[ignore = "run by the test above, in a process without an environment"]
async fn without_an_environment() {
    let url = std::env::var("CALLBACK_URL").unwrap();
    let outcome = post(&ManagementApi::connect(&url).await.unwrap()).await;
    assert!(is_unreachable(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn a_connection_is_open_or_gone() {
    let gateway = FakeGateway::with(200, "", OPEN).await;
    assert_eq!(gateway.api().await.is_open(&connection()).await, Ok(true));
    let line = "GET /ws/@connections/L0SM9cOFvHcCIhw%3D HTTP/1.1\r\n";
    assert!(gateway.requests()[0].starts_with(line));

    let gateway = FakeGateway::with(410, "GoneException", "").await;
    assert_eq!(gateway.api().await.is_open(&connection()).await, Ok(false));
    let gateway = FakeGateway::with(429, "LimitExceededException", "").await;
    assert_eq!(gateway.api().await.is_open(&connection()).await, Err(PushError::Busy));
}

#[tokio::test]
async fn a_connection_is_closed_or_was_gone_before() {
    let gateway = FakeGateway::with(204, "", "").await;
    assert_eq!(gateway.api().await.close(&connection()).await, Ok(()));
    let line = "DELETE /ws/@connections/L0SM9cOFvHcCIhw%3D HTTP/1.1\r\n";
    assert!(gateway.requests()[0].starts_with(line));

    let gateway = FakeGateway::with(410, "GoneException", "").await;
    assert_eq!(gateway.api().await.close(&connection()).await, Err(PushError::Gone));
    let gateway = FakeGateway::with(429, "LimitExceededException", "").await;
    assert_eq!(gateway.api().await.close(&connection()).await, Err(PushError::Busy));
}
