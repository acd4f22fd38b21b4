//! `client_id` makes a send repeatable: one sender and one `client_id` are one message, for ever.

mod changed;
mod conflicts;

use tokio::time::Instant;

use crate::offline::take_the_rest;
use crate::support::{Socket, TestServer, User, most_tokens_since, named_message, receivers_copy};

/// How many messages the server has stored.
async fn stored(server: &TestServer) -> i64 {
    let row = server.sql().await.query_one("select count(*) from messages", &[]).await;
    row.unwrap().get(0)
}

/// Two users, a socket of each, and the sender's second one.
async fn sockets(server: &TestServer) -> (User, User, [Socket; 3]) {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let sockets = [
        server.connect(&alice).await,
        server.connect(&alice).await,
        server.connect(&bob).await,
    ];
    (alice, bob, sockets)
}

#[tokio::test]
async fn a_repeat_is_answered_with_the_same_message_where_it_was_asked_and_nowhere_else() {
    let server = TestServer::start().await;
    let (_, bob, [mut phone, mut laptop, mut to]) = sockets(&server).await;
    let frame = named_message(&bob, "once", "c1");
    let first = phone.ask(&frame).await;
    assert_eq!(laptop.next().await, first);
    assert_eq!(to.next().await, receivers_copy(&first));

    for _ in 0..3 {
        assert_eq!(phone.ask(&frame).await, first);
    }
    laptop.expect_nothing().await;
    assert_eq!(laptop.ask(&frame).await, first);
    phone.expect_nothing().await;
    to.expect_nothing().await;
    assert_eq!(stored(&server).await, 1);
    let next = phone.ask(&named_message(&bob, "another", "c2")).await;
    assert_eq!(next["seq"], 2, "repeats take no number");
}

#[tokio::test]
async fn a_repeat_takes_no_version() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    // Bob is away: a delivered mark would take versions, too.
    let mut from = server.connect(&alice).await;
    let frame = named_message(&bob, "once", "c1");
    let first = from.ask(&frame).await;
    for _ in 0..3 {
        from.ask(&frame).await;
    }
    let feed = alice
        .changes(&server, first["conversation_id"].as_str().unwrap(), 0)
        .await;
    // The sender's own mark may have taken one.
    assert!(feed["version"].as_i64().unwrap() <= 2, "{feed}");
    assert_eq!(feed["messages"][0]["version"], first["version"]);
}

#[tokio::test]
async fn repeats_without_waiting_store_one_message() {
    let server = TestServer::start().await;
    let (_, bob, [mut phone, _, mut to]) = sockets(&server).await;
    for _ in 0..10 {
        phone.send(&named_message(&bob, "once", "c1")).await;
    }
    let answers = phone.take(10).await;
    assert_eq!(answers[0]["seq"], 1);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(to.catch_up().await, [receivers_copy(&answers[0])]);
    assert_eq!(stored(&server).await, 1);
}

#[tokio::test]
async fn a_repeat_is_known_after_the_sender_reconnected_and_the_server_restarted() {
    let server = TestServer::start().await;
    let (alice, bob, [mut phone, _, mut to]) = sockets(&server).await;
    let frame = named_message(&bob, "once", "c1");
    let first = phone.ask(&frame).await;
    assert_eq!(to.next().await, receivers_copy(&first));
    phone.close().await;
    let mut phone = server.connect(&alice).await;
    assert_eq!(phone.ask(&frame).await, first);
    to.expect_nothing().await;
    let is_marked = format!("select delivered_seq = 1 from members where user_id = '{}'", bob.id);
    server.wait_until(&is_marked).await;

    let server = server.restart().await;
    let (mut phone, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    assert_eq!(phone.ask(&frame).await, first);
    phone.expect_nothing().await;
    to.expect_nothing().await;
    assert_eq!(stored(&server).await, 1);
}

#[tokio::test]
async fn a_repeat_reaches_a_receiver_who_still_lacks_the_message() {
    let server = TestServer::start().await;
    let (alice, bob, [mut phone, mut laptop, to]) = sockets(&server).await;
    to.close().await;
    let carol = server.user("carol").await;
    server.leave_messages(&carol, &bob, 500).await;
    let frame = named_message(&bob, "behind 500 others", "c1");
    let first = phone.ask(&frame).await;
    laptop.next().await;

    // The bound of the push on connect keeps it from them.
    let mut to = server.open(&bob).await;
    let pushed = to.take_until(|frame| frame["type"] == "sync_complete").await;
    assert!(pushed.iter().all(|pushed| pushed["id"] != first["id"]));
    assert_eq!(pushed.last().unwrap()["has_more"], true);

    for _ in 0..2 {
        assert_eq!(phone.ask(&frame).await, first);
    }
    // A function answers before it pushes.
    server.functions_ended().await;
    assert_eq!(to.catch_up().await, [receivers_copy(&first)]);
    laptop.expect_nothing().await;
    let mut rest = Vec::new();
    take_the_rest(&server, &bob, &mut rest).await;
    assert!(rest.iter().all(|pushed| pushed["id"] != first["id"]));
    assert_eq!(bob.history(&server, &alice).await, ["behind 500 others"]);
}

#[tokio::test]
async fn a_repeat_costs_a_token_like_any_send() {
    let server = TestServer::start().await;
    let (_, bob, [mut phone, _, _]) = sockets(&server).await;
    let start = Instant::now();
    for _ in 0..60 {
        phone.send(&named_message(&bob, "once", "c1")).await;
    }
    let answers = phone.take(60).await;
    let most = most_tokens_since(start);
    let passed = answers
        .iter()
        .filter(|answer| answer["type"] == "direct_message")
        .count();
    assert!((10..=most).contains(&passed), "{passed} passed, {most} at most");
    let refused = answers.iter().filter(|answer| answer["code"] == "rate_limited");
    assert_eq!(refused.count(), 60 - passed);
    assert_eq!(stored(&server).await, 1);
}
