//! How often one may register.

use std::time::Instant;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{assert_full_bucket, assert_limited, behind_a_proxy};
use crate::support::{Answer, TestServer, User};

async fn register(server: &TestServer, source: &str, number: usize) -> Answer {
    let request = server
        .request(Method::POST, "/auth/register")
        .header("x-forwarded-for", source);
    let account = json!({
        "username": format!("user{number}"),
        "email": format!("user{number}@example.com"),
        "password": User::PASSWORD,
    });
    Answer::to(request.json(&account)).await
}

#[tokio::test]
async fn one_source_registers_twenty_accounts_a_minute() {
    let server = behind_a_proxy().await;
    let start = Instant::now();
    let answers = join_all((0..26).map(|number| register(&server, "198.51.100.7", number))).await;
    let (created, limited): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == StatusCode::CREATED);
    assert_full_bucket(created.len(), 20, 3, start);
    for answer in &created {
        assert_eq!(answer.number("ratelimit-limit"), 20);
        assert!(answer.number("ratelimit-remaining") < 20);
        assert!((1..=60).contains(&answer.number("ratelimit-reset")));
    }
    for answer in limited {
        assert_limited(answer, 20, 3);
    }
    let elsewhere = register(&server, "198.51.100.8", 100).await;
    assert_eq!(elsewhere.status, StatusCode::CREATED);
}

#[tokio::test]
async fn what_is_no_registration_does_not_count() {
    let server = behind_a_proxy().await;
    for _ in 0..21 {
        let request = server
            .request(Method::POST, "/auth/register")
            .header("x-forwarded-for", "198.51.100.7");
        Answer::to(request.json(&json!({}))).await.problem(400, "invalid_field");
    }
    let answer = register(&server, "198.51.100.7", 1).await;
    assert_eq!(
        (answer.status, answer.number("ratelimit-remaining")),
        (StatusCode::CREATED, 19)
    );
}

#[tokio::test]
async fn this_machine_registers_without_a_limit() {
    let server = behind_a_proxy().await;
    let sources = ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"];
    let registrations = (0..22).map(|number| register(&server, sources[number % sources.len()], number));
    for answer in join_all(registrations).await {
        assert_eq!(answer.status, StatusCode::CREATED);
        assert!(!answer.headers.contains_key("ratelimit-limit"), "{answer:?}");
    }
}
