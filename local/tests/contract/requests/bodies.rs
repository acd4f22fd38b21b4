//! What is read as JSON, and how much of it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestServer, User};

const MAX_BYTES: usize = 64 * 1024;

/// A login with this body, which works if the body is read as what it says.
async fn log_in(server: &TestServer, media_type: Option<&str>, body: impl Into<reqwest::Body>) -> Answer {
    let request = server.request(Method::POST, "/auth/login").body(body);
    let request = match media_type {
        Some(media_type) => request.header("content-type", media_type),
        None => request,
    };
    Answer::to(request).await
}

fn credentials(user: &User) -> String {
    json!({"email": user.email, "password": User::PASSWORD}).to_string()
}

#[tokio::test]
async fn a_body_has_at_most_64_kib() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    let padded = |length| credentials(&user) + &" ".repeat(length - credentials(&user).len());
    log_in(&server, None, padded(MAX_BYTES)).await.ok();
    for length in [MAX_BYTES + 1, 1024 * 1024] {
        log_in(&server, None, padded(length))
            .await
            .problem(413, "payload_too_large");
    }
    // For users, too: what is inside does not matter.
    for (length, status, code) in [
        (MAX_BYTES, 400, "invalid_field"),
        (MAX_BYTES + 1, 413, "payload_too_large"),
    ] {
        let content = "x".repeat(length - json!({"content": ""}).to_string().len());
        let path = format!("/messages/{}", user.id);
        let edit = user
            .request(&server, Method::PATCH, &path)
            .json(&json!({"content": content}));
        Answer::to(edit).await.problem(status, code);
    }
}

#[tokio::test]
async fn what_is_no_json_object_is_refused_by_every_call_that_reads_one() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    let path = format!("/messages/{}", user.id);
    for body in [
        "",
        " ",
        "{",
        "{}}",
        "{\"a\":}",
        "{'a':1}",
        "[]",
        "[{}]",
        "null",
        "7",
        "\"{}\"",
        "a=1",
        "\u{feff}{}",
    ] {
        for request in [
            server.request(Method::POST, "/auth/register"),
            server.request(Method::POST, "/auth/login"),
            user.request(&server, Method::PUT, "/users/me/update"),
            user.request(&server, Method::PATCH, &path),
        ] {
            Answer::to(request.body(body)).await.problem(400, "invalid_json");
        }
    }
}

#[tokio::test]
async fn what_only_looks_like_json_is_refused() {
    let server = TestServer::start().await;
    for body in [
        // Not UTF-8, an overlong form and a surrogate among it.
        &b"{\"email\":\"\xff\"}"[..],
        b"{\"email\":\"\xc0\xaf\"}",
        b"{\"email\":\"\xed\xa0\x80\"}",
        b"\xff\xfe{\0}\0",
        // Half a surrogate pair, a raw control character, a number beyond all bounds.
        br#"{"email":"\ud800"}"#,
        b"{\"email\":\"a\nb\"}",
        br#"{"email":1e400}"#,
        br#"{"email":NaN}"#,
    ] {
        for media_type in [None, Some("application/json"), Some("text/plain; charset=utf-8")] {
            log_in(&server, media_type, body).await.problem(400, "invalid_json");
        }
    }
}

#[tokio::test]
async fn json_that_is_nested_too_deeply_is_refused() {
    let server = TestServer::start().await;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let depth = (MAX_BYTES - 100) / (open.len() + close.len());
        let deep = format!("{{\"email\":{}1{}}}", open.repeat(depth), close.repeat(depth));
        log_in(&server, None, deep).await.problem(400, "invalid_json");
        log_in(&server, None, open.repeat(MAX_BYTES / open.len()))
            .await
            .problem(400, "invalid_json");
    }
}

#[tokio::test]
async fn a_member_given_twice_counts_as_given_last() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    let (right, wrong) = (User::PASSWORD, "battery staple");
    let twice = |first, last| {
        format!(
            r#"{{"password":"{first}","email":"{}","password":"{last}"}}"#,
            user.email
        )
    };
    log_in(&server, None, twice(wrong, right)).await.ok();
    log_in(&server, None, twice(right, wrong))
        .await
        .problem(401, "bad_credentials");
}

#[tokio::test]
async fn numbers_and_values_that_nobody_asked_for_may_be_of_any_size() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    for value in [
        "123456789012345678901234567890",
        "-9223372036854775809",
        "1e308",
        "1e-400",
        "[[[[]]]]",
        "{\"\":\"\\u0000\"}",
    ] {
        let body = credentials(&user).replacen('{', &format!("{{\"other\":{value},"), 1);
        log_in(&server, None, body).await.ok();
        let body = format!(r#"{{"email":{value},"password":"x"}}"#);
        log_in(&server, None, body).await.refuses(&["email"]);
    }
}

#[tokio::test]
async fn json_is_read_whatever_it_is_called() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    for media_type in [
        None,
        Some("application/json"),
        Some("Application/JSON; charset=UTF-8"),
        Some("application/vnd.api+json"),
        Some("text/plain"),
        Some("text/plain;charset=UTF-8"),
    ] {
        log_in(&server, media_type, credentials(&user)).await.ok();
    }
}

#[tokio::test]
async fn forms_and_other_media_types_are_refused_whatever_is_in_them() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    let path = format!("/messages/{}", user.id);
    let body = credentials(&user);
    for media_type in [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=utf-8",
        "multipart/form-data; boundary=x",
        "Multipart/Form-Data; boundary=x",
        "application/xml",
        "application/octet-stream",
        "image/png",
    ] {
        for request in [
            server.request(Method::POST, "/auth/register"),
            server.request(Method::POST, "/auth/login"),
            user.request(&server, Method::PUT, "/users/me/update"),
            user.request(&server, Method::PUT, &path),
        ] {
            let request = request.header("content-type", media_type).body(body.clone());
            Answer::to(request).await.problem(415, "unsupported_media_type");
        }
    }
}

#[tokio::test]
async fn a_problem_never_repeats_what_was_sent() {
    let server = TestServer::start().await;
    for body in [
        r#"{"email":"bob@example.com","password":"correct horse"#.to_owned(),
        r#"{"email":"bob@example.com","password":["correct horse"]}"#.to_owned(),
        json!({"email": "bob@example.com", "password": "correct horse", "username": "correct horse!"}).to_string(),
    ] {
        let answer = Answer::to(server.request(Method::POST, "/auth/register").body(body)).await;
        let problem: Value = answer.json();
        assert_eq!(problem["status"], 400);
        assert!(
            !answer.body.contains("correct") && !answer.body.contains("bob@"),
            "{problem}"
        );
    }
}
