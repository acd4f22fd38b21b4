//! The contract for machines, `docs/openapi.yaml` and `docs/asyncapi.yaml`: that the tests notice what strays from it, and that it agrees with all
//! else that says the same.

mod agreement;
mod examples;

use axum::Json;
use axum::routing::get;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{From, check_answer, check_frame, http_client};

/// An answer to `GET /users/me` as it should be.
#[derive(Clone)]
struct Sample {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Sample {
    fn new() -> Self {
        let headers = [
            ("content-type", "application/json"),
            ("apigw-requestid", "sjvAWGGFEWv6xvA="),
            ("ratelimit-limit", "60"),
            ("ratelimit-remaining", "59"),
            ("ratelimit-reset", "1"),
            ("date", "Sun, 22 Nov 2026 14:43:06 GMT"),
        ];
        Self {
            status: StatusCode::OK,
            headers: headers
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .into_iter()
                .collect(),
            body: json!({
                "id": "01a203b5-f72f-7064-8e54-9d8b78af08d4",
                "username": "ada",
                "email": "ada@example.com",
                "created": "2026-11-22T14:43:06.684204Z",
            }),
        }
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    fn without_header(mut self, name: &'static str) -> Self {
        self.headers.remove(name);
        self
    }

    fn status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).unwrap();
        self
    }

    fn member(mut self, name: &str, value: Value) -> Self {
        self.body[name] = value;
        self
    }

    fn without_member(mut self, name: &str) -> Self {
        self.body.as_object_mut().unwrap().remove(name);
        self
    }

    fn check(&self) -> Result<(), String> {
        let body = self.body.to_string();
        check_answer(&Method::GET, "/users/me", self.status, &self.headers, body.as_bytes())
    }
}

#[test]
fn an_answer_that_strays_from_the_document_is_noticed() {
    let sample = Sample::new;
    assert_eq!(sample().check(), Ok(()));
    let cases = [
        ("no 418", sample().status(418)),
        ("no 201", sample().status(201)),
        (
            "lacks the header RateLimit-Limit",
            sample().without_header("ratelimit-limit"),
        ),
        ("RateLimit-Reset", sample().header("ratelimit-reset", "soon")),
        (
            "does not have the header x-powered-by",
            sample().header("x-powered-by", "us"),
        ),
        ("media type text/html", sample().header("content-type", "text/html")),
        ("no content-type", sample().without_header("content-type")),
        ("\"created\" is a required property", sample().without_member("created")),
        (
            "'password_hash' was unexpected",
            sample().member("password_hash", json!("$argon2id$")),
        ),
        (
            "/id",
            sample().member("id", json!("01A203B5-F72F-7064-8E54-9D8B78AF08D4")),
        ),
        ("/username", sample().member("username", Value::Null)),
        ("/created", sample().member("created", json!("2026-11-22T14:43:06Z"))),
    ];
    for (fault, case) in cases {
        let error = case.check().expect_err(fault);
        assert!(error.contains(fault), "{fault}: {error}");
    }
}

#[test]
fn a_problem_must_have_a_code_that_its_call_can_meet() {
    let problem = |code: &str| json!({"type": "about:blank", "title": "Not Found", "status": 404, "detail": "There is no such user.", "code": code, "request_id": "x"});
    let headers = Sample::new().header("content-type", "application/problem+json").headers;
    let check = |path: &str, body: &Value| {
        check_answer(
            &Method::GET,
            path,
            StatusCode::NOT_FOUND,
            &headers,
            body.to_string().as_bytes(),
        )
    };
    let path = "/chats/01a203b5-f72f-7064-8e54-9d8b78af08d4";
    assert_eq!(check(path, &problem("unknown_user")), Ok(()));
    assert!(check(path, &problem("unknown_message")).is_err());
    assert!(check("/users/me", &problem("unknown_user")).is_err());
    assert!(check("/nowhere", &problem("unknown_user")).is_err());
}

#[test]
fn a_frame_that_strays_from_the_document_is_noticed() {
    let edited = json!({
        "type": "message_edited", "id": "01a203b6-cce0-7645-9632-470d35bc5b59", "content": "x", "seq": 3, "version": 4,
        "conversation_id": "01a203bc-bcde-736c-86ea-fc0c13dc9b9e", "edited_at": "2026-11-22T14:51:10.939782Z",
    });
    let with = |name: &str, value: Value| {
        let mut frame = edited.clone();
        frame[name] = value;
        frame
    };
    assert_eq!(check_frame(From::Server, &edited), Ok(()));
    assert!(check_frame(From::Client, &edited).is_err());
    for frame in [
        with("type", json!("message_pinned")),
        with("seq", json!(0)),
        with("content", json!("")),
        with("client_id", json!("a-1")),
        with("edited_at", Value::Null),
        json!({"type": "error", "code": "rate_limited", "message": "too many requests"}),
        json!({"type": "error", "code": "internal", "message": "connection refused"}),
        json!({"type": "error", "code": "unknown_user", "message": "there is no such user", "field": "to"}),
        json!({"message": "Internal server error"}),
        json!([]),
    ] {
        assert!(check_frame(From::Server, &frame).is_err(), "{frame}");
    }
}

#[tokio::test]
async fn no_test_sees_an_answer_that_was_not_checked() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/health", server.local_addr().unwrap());
    let answer = get(|| async { Json(json!({"status": "ok", "database": "ok", "uptime": 7})) });
    let app = axum::Router::new().route("/health", answer);
    let server = tokio::spawn(async { axum::serve(server, app).await });
    let asked = tokio::spawn(http_client().get(url).send()).await;
    assert!(asked.expect_err("an answer outside the document").is_panic());
    server.abort();
}
