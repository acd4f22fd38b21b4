//! How often one may log in, register, and ask for anything at all.

mod registrations;

use std::net::Ipv4Addr;
use std::time::Instant;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use local::gateway;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Answer, Options, TestServer, User};

/// A server that believes what tests say about where they come from.
async fn behind_a_proxy() -> TestServer {
    let gateway = gateway::Options {
        trusted_proxies: vec![Ipv4Addr::LOCALHOST.into()],
        ..gateway::Options::default()
    };
    TestServer::with(Options {
        gateway,
        ..Options::default()
    })
    .await
}

async fn log_in(server: &TestServer, source: &str, email: &str, password: &str) -> Answer {
    let request = server
        .request(Method::POST, "/auth/login")
        .header("x-forwarded-for", source);
    Answer::to(request.json(&json!({"email": email, "password": password}))).await
}

/// Uses up the ten attempts of a pair of address and source; `attempt` is told how many failed before.
async fn fail_until_limited(mut attempt: impl AsyncFnMut(usize) -> Answer) {
    let start = Instant::now();
    for failed in 0..100 {
        let answer = attempt(failed).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert_full_bucket(failed, 10, 30, start);
            return assert_limited(&answer, 10, 30);
        }
        answer.problem(401, "bad_credentials");
    }
    panic!("never refused");
}

/// Asserts that the answer is a 429 with all its headers, for a bucket of `limit` that gives a token every `seconds`.
#[track_caller]
fn assert_limited(answer: &Answer, limit: u64, seconds: u64) {
    answer.problem(429, "rate_limited");
    assert!((1..=seconds).contains(&answer.number("retry-after")), "{answer:?}");
    assert_eq!(answer.number("ratelimit-limit"), limit);
    assert_eq!(answer.number("ratelimit-remaining"), 0);
    let whole = limit * seconds;
    assert!(
        (whole - seconds..=whole).contains(&answer.number("ratelimit-reset")),
        "{answer:?}"
    );
}

/// Asserts that a bucket of `limit`, which gives a token every `seconds`, let as many through since `start` as it holds.
#[track_caller]
fn assert_full_bucket(passed: usize, limit: usize, seconds: u64, start: Instant) {
    let refilled = usize::try_from(start.elapsed().as_secs() / seconds).unwrap();
    assert!(
        (limit..=limit + refilled).contains(&passed),
        "{passed} of {limit} passed"
    );
}

#[tokio::test]
async fn after_ten_failures_the_right_password_is_refused_from_there_but_not_from_elsewhere() {
    let server = behind_a_proxy().await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    let log_in_as_bob = async |password| log_in(&server, "198.51.100.7", &bob.email, password).await;
    fail_until_limited(async |_| log_in_as_bob("battery staple").await).await;
    assert_limited(&log_in_as_bob(User::PASSWORD).await, 10, 30);
    log_in(&server, "198.51.100.8", &bob.email, User::PASSWORD).await.ok();
    log_in(&server, "198.51.100.7", &eve.email, User::PASSWORD).await.ok();
}

#[tokio::test]
async fn this_machine_has_ten_attempts_for_each_address_too() {
    let server = TestServer::start().await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    // Nobody believes a header that no trusted proxy has written.
    fail_until_limited(async |number| {
        let source = format!("198.51.100.{number}");
        log_in(&server, &source, &bob.email, "battery staple").await
    })
    .await;
    let elsewhere = log_in(&server, "198.51.100.200", &bob.email, User::PASSWORD).await;
    assert_limited(&elsewhere, 10, 30);
    log_in(&server, "198.51.100.200", &eve.email, User::PASSWORD).await.ok();
}

#[tokio::test]
async fn good_logins_cost_nothing() {
    let server = behind_a_proxy().await;
    let bob = server.user("bob").await;
    for _ in 0..20 {
        let answer = log_in(&server, "198.51.100.7", &bob.email, User::PASSWORD).await;
        answer.ok();
        let quota = ["limit", "remaining", "reset"].map(|name| answer.number(&format!("ratelimit-{name}")));
        assert_eq!(quota, [10, 10, 0]);
    }
}

#[tokio::test]
async fn a_good_login_gives_back_its_own_attempt_only() {
    let server = behind_a_proxy().await;
    let bob = server.user("bob").await;
    let log_in = async |password| log_in(&server, "198.51.100.7", &bob.email, password).await;
    let start = Instant::now();
    fail_until_limited(async |failed| {
        for _ in 0..if failed == 9 { 2 } else { 0 } {
            let answer = log_in(User::PASSWORD).await;
            answer.ok();
            let seconds = start.elapsed().as_secs();
            let (left, reset) = (1..=1 + seconds / 30, 269_u64.saturating_sub(seconds)..=270);
            assert!(left.contains(&answer.number("ratelimit-remaining")), "{answer:?}");
            assert!(reset.contains(&answer.number("ratelimit-reset")), "{answer:?}");
        }
        log_in("battery staple").await
    })
    .await;
}

#[tokio::test]
async fn attempts_count_before_the_password_is_looked_at() {
    let server = behind_a_proxy().await;
    let bob = server.user("bob").await;
    let start = Instant::now();
    let attempts = (0..14).map(|_| log_in(&server, "198.51.100.7", &bob.email, "battery staple"));
    let answers = join_all(attempts).await;
    let (failed, limited): (Vec<_>, Vec<_>) = answers
        .iter()
        .partition(|answer| answer.status == StatusCode::UNAUTHORIZED);
    assert_full_bucket(failed.len(), 10, 30, start);
    for answer in limited {
        assert_limited(answer, 10, 30);
    }
}

#[tokio::test]
async fn an_address_that_nobody_has_is_limited_like_any_other() {
    let server = behind_a_proxy().await;
    fail_until_limited(async |_| log_in(&server, "198.51.100.7", "nobody@example.com", "battery staple").await).await;
}

#[tokio::test]
async fn the_spellings_of_an_address_share_its_attempts() {
    let server = behind_a_proxy().await;
    let bob = server.user("bob").await;
    let shouted = bob.email.to_uppercase();
    fail_until_limited(async |_| log_in(&server, "198.51.100.7", &shouted, "battery staple").await).await;
    for email in [&bob.email, &format!(" {shouted}\n")] {
        assert_limited(&log_in(&server, "198.51.100.7", email, User::PASSWORD).await, 10, 30);
    }
}

#[tokio::test]
async fn a_network_of_ipv6_counts_as_one_source() {
    let server = behind_a_proxy().await;
    let bob = server.user("bob").await;
    fail_until_limited(async |number| {
        let source = format!("2001:db8:1:2:{number:x}::{number:x}");
        log_in(&server, &source, &bob.email, "battery staple").await
    })
    .await;
    for source in ["2001:db8:1:2::", "2001:db8:1:2:ffff:ffff:ffff:ffff"] {
        assert_limited(&log_in(&server, source, &bob.email, User::PASSWORD).await, 10, 30);
    }
    log_in(&server, "2001:db8:1:3::1", &bob.email, User::PASSWORD)
        .await
        .ok();
}

#[tokio::test]
async fn one_source_has_a_hundred_failures_over_all_addresses() {
    let server = behind_a_proxy().await;
    let bob = server.user("bob").await;
    let start = Instant::now();
    let emails: Vec<_> = (0..110).map(|number| format!("nobody{number}@example.com")).collect();
    let log_ins = emails
        .iter()
        .map(|email| log_in(&server, "198.51.100.7", email, "battery staple"));
    // Functions of their own processes are not run a hundred at once.
    let answers: Vec<_> = stream::iter(log_ins).buffered(20).collect().await;
    let limited: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS)
        .collect();
    assert_full_bucket(answers.len() - limited.len(), 100, 3, start);
    for answer in limited {
        assert_limited(answer, 100, 3);
    }
    log_in(&server, "198.51.100.8", &bob.email, User::PASSWORD).await.ok();
}

#[tokio::test]
async fn a_user_has_sixty_requests_a_minute_and_no_other_user_pays_for_them() {
    let server = TestServer::start().await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    server.refill().await;
    let start = Instant::now();
    let ask = async || Answer::to(bob.request(&server, Method::GET, "/users/me")).await;
    let mut answers = Vec::new();
    let refused = loop {
        let answer = ask().await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            break answer;
        }
        answer.ok();
        answers.push(answer);
    };
    assert_full_bucket(answers.len(), 60, 1, start);
    assert_limited(&refused, 60, 1);
    for answer in &answers {
        assert_eq!(answer.number("ratelimit-limit"), 60);
        assert!((1..=60).contains(&answer.number("ratelimit-reset")), "{answer:?}");
    }
    let remaining = [0, answers.len() - 1].map(|index| answers[index].number("ratelimit-remaining"));
    assert_eq!(remaining, [59, 0]);

    let other = Answer::to(eve.request(&server, Method::GET, "/users/me")).await;
    assert_eq!(
        (other.status, other.number("ratelimit-remaining")),
        (StatusCode::OK, 59)
    );
}

#[tokio::test]
async fn all_of_a_users_requests_come_out_of_one_bucket() {
    let server = TestServer::start().await;
    let bob = server.user("bob").await;
    server.refill().await;
    let start = Instant::now();
    let chat = format!("/chats/{}", bob.id);
    let mut last = None;
    for (method, path) in [
        (Method::GET, "/users/me"),
        (Method::GET, &*chat),
        (Method::PUT, "/users/me/update"),
        (Method::DELETE, "/messages/67e55044-10b1-426f-9247-bb680e5fe0c8"),
    ] {
        let request = bob.request(&server, method, path).json(&json!({"username": "robert"}));
        last = Some(Answer::to(request).await);
    }
    let remaining = last.unwrap().number("ratelimit-remaining");
    let refilled = start.elapsed().as_secs();
    assert!((56..=56 + refilled).contains(&remaining), "{remaining}");
}
