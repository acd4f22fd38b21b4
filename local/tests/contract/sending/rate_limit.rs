//! 10 messages a second for each user, over all connections.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{
    TestServer, User, assert_rate_limited, direct_message, most_tokens_since, named_message, strings, wait_as_told,
};

/// The frames of a kind, by the member that tells it.
fn count(frames: &[Value], member: &str, value: &str) -> usize {
    frames.iter().filter(|frame| frame[member] == value).count()
}

#[tokio::test]
async fn a_burst_over_all_connections_of_a_user_passes_ten_messages() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut to = server.connect(&bob).await;
    let mut sockets = [
        server.connect(&alice).await,
        server.connect(&alice).await,
        server.connect(&alice).await,
    ];
    let start = Instant::now();
    for index in 0..15 {
        for (device, socket) in sockets.iter_mut().enumerate() {
            let name = format!("{device}-{index}");
            socket.send(&named_message(&bob, &name, &name)).await;
        }
    }
    let mut frames = [Vec::new(), Vec::new(), Vec::new()];
    for (socket, frames) in sockets.iter_mut().zip(&mut frames) {
        *frames = socket.catch_up().await;
    }
    let most = most_tokens_since(start);
    for (socket, frames) in sockets.iter_mut().zip(&mut frames) {
        frames.extend(socket.catch_up().await);
    }

    let acknowledged = strings(&frames[0], "content").into_iter().collect::<BTreeSet<_>>();
    assert!(
        (10..=most).contains(&acknowledged.len()),
        "{} passed, {most} at most",
        acknowledged.len()
    );
    let mut refused = BTreeSet::new();
    for (device, frames) in frames.iter().enumerate() {
        assert_eq!(
            strings(frames, "content").into_iter().collect::<BTreeSet<_>>(),
            acknowledged
        );
        for refusal in frames.iter().filter(|frame| frame["type"] == "error") {
            assert_rate_limited(refusal, 100);
            let client_id = refusal["client_id"].as_str().unwrap();
            assert!(
                client_id.starts_with(&device.to_string()),
                "on the connection that asked: {refusal}"
            );
            refused.insert(client_id);
        }
    }
    assert_eq!(acknowledged.len() + refused.len(), 45);
    assert!(acknowledged.is_disjoint(&refused));

    let received = to.catch_up().await;
    assert_eq!(
        strings(&received, "content").into_iter().collect::<BTreeSet<_>>(),
        acknowledged
    );
    let stored = alice.history(&server, &bob).await;
    assert_eq!(stored.len(), acknowledged.len());
    assert_eq!(stored.iter().map(String::as_str).collect::<BTreeSet<_>>(), acknowledged);
    let next = sockets[0].say(&bob, "after the burst").await;
    assert_eq!(next["seq"], acknowledged.len() + 1, "a refusal leaves no hole");
}

/// Uses up what the user may send: the next token comes in 5 seconds.
async fn use_up(server: &TestServer, user: &User) {
    let key = format!("send:{}", user.id);
    server.empty_bucket(&key, Duration::from_secs(6)).await;
}

#[tokio::test]
async fn who_waits_as_told_may_send() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut socket = server.connect(&alice).await;
    for round in 1..=2 {
        use_up(&server, &alice).await;
        socket.send(&direct_message(&bob, "one too many")).await;
        let refusal = socket.next().await;
        assert_rate_limited(&refusal, 5100);
        wait_as_told(&refusal).await;
        socket.send(&direct_message(&bob, "patient")).await;
        let answer = socket.next().await;
        assert_eq!((&answer["content"], &answer["seq"]), (&json!("patient"), &json!(round)));
    }
}

#[tokio::test]
async fn one_users_burst_takes_nothing_from_another() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut first, mut second) = (server.connect(&alice).await, server.connect(&bob).await);
    use_up(&server, &alice).await;
    first.send(&direct_message(&bob, "one too many")).await;
    assert_rate_limited(&first.next().await, 5100);
    for _ in 0..10 {
        second.send(&direct_message(&alice, "from bob")).await;
    }
    let frames = second.catch_up().await;
    assert_eq!(count(&frames, "from", &bob.id), 10);
    assert_eq!(count(&frames, "type", "error"), 0);
}

#[tokio::test]
async fn frames_that_are_no_message_cost_nothing() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut socket = server.connect(&alice).await;
    for _ in 0..10 {
        socket.send(&json!({"type": "ping"})).await;
        socket.send_text("no JSON").await;
        socket.send(&direct_message(&alice, "to myself")).await;
        socket.send(&direct_message(&bob, " ")).await;
    }
    let answers = socket.take(40).await;
    assert_eq!(count(&answers, "code", "rate_limited"), 0);
    // Tokens come back, so it is the bucket that tells: there is none before the first message.
    let sql = server.sql().await;
    let bucket = "select from rate_limits where key = 'send:' || $1";
    assert!(sql.query_opt(bucket, &[&alice.id]).await.unwrap().is_none());
    socket.say(&bob, "x").await;
    assert!(sql.query_opt(bucket, &[&alice.id]).await.unwrap().is_some());
}
