//! A push on connect has 500 frames at most.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{is_end, seqs, take_the_rest};
use crate::support::{Socket, TestServer, User, strings};

/// How long the server may spend on a push on connect: a bound ends it then.
const MAX_TIME: Duration = Duration::from_secs(5);

/// The messages of a push on connect, and whether more wait.
async fn push_on_connect(server: &TestServer, user: &User) -> (Socket, Vec<Value>, bool) {
    let mut socket = server.open(user).await;
    let mut frames = socket.take_until(is_end).await;
    let end = frames.pop().unwrap();
    assert!(frames.iter().all(|frame| frame["type"] == "direct_message"));
    socket.expect_nothing().await;
    (socket, frames, end["has_more"].as_bool().unwrap())
}

/// Takes the messages that wait for a user, with one connect after the other: each brings 500, where its time suffices.
async fn take_all(server: &TestServer, user: &User, count: usize) -> Vec<Value> {
    let (mut all, mut is_late) = (Vec::new(), false);
    loop {
        let start = Instant::now();
        let (_, frames, has_more) = push_on_connect(server, user).await;
        is_late |= start.elapsed() >= MAX_TIME;
        let left = count - all.len();
        if !is_late {
            assert_eq!((frames.len(), has_more), (left.min(500), left > 500));
        }
        all.extend(frames);
        // What was under way when the time was over may have come twice.
        all.dedup();
        if !has_more {
            server.connect(user).await.expect_nothing().await;
            return all;
        }
    }
}

fn waiting(count: u32) -> Vec<String> {
    (1..=count).map(|n| format!("waiting {n}")).collect()
}

#[tokio::test]
async fn of_more_than_500_messages_each_connect_brings_500() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    server.leave_messages(&alice, &bob, 1001).await;
    let pushed = take_all(&server, &bob, 1001).await;
    assert_eq!(strings(&pushed, "content"), waiting(1001));
}

#[tokio::test]
async fn exactly_500_messages_are_all() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    server.leave_messages(&alice, &bob, 500).await;
    let pushed = take_all(&server, &bob, 500).await;
    assert_eq!(strings(&pushed, "content"), waiting(500));
}

#[tokio::test]
async fn the_bound_counts_over_all_senders() {
    let server = TestServer::start().await;
    let bob = server.user("bob").await;
    for name in ["alice", "carol", "dave"] {
        let sender = server.user(name).await;
        server.leave_messages(&sender, &bob, 200).await;
    }
    let pushed = take_all(&server, &bob, 600).await;
    assert_eq!(pushed.len(), 600);
    assert!(
        strings(&pushed, "created_at").is_sorted(),
        "oldest first, over both connects"
    );
}

#[tokio::test]
async fn a_message_after_the_bound_leaves_nothing_behind() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    server.leave_messages(&alice, &bob, 705).await;
    let mut from = server.connect(&alice).await;
    let (mut to, mut seen, has_more) = push_on_connect(&server, &bob).await;
    assert!(has_more);

    // Marking the new one as delivered must not hide those below it, whether they come now or on the next connect.
    let sent = from.say(&bob, "new").await;
    seen.extend(to.take_until(|frame| frame["id"] == sent["id"]).await);
    server.wait_until_marks_are_written(&mut from).await;
    take_the_rest(&server, &bob, &mut seen).await;
    seen.extend(to.catch_up().await);
    assert_eq!(seqs(&seen), (1..=706).collect());
    server.connect(&bob).await.expect_nothing().await;
}

#[tokio::test]
async fn a_new_message_brings_what_is_left_below_it() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    server.leave_messages(&alice, &bob, 3).await;
    let mut from = server.connect(&alice).await;
    let (mut to, _, _) = push_on_connect(&server, &bob).await;
    // As a bound leaves some.
    server.leave_messages(&alice, &bob, 5).await;
    from.say(&bob, "new").await;
    let seqs: Vec<_> = to.take(6).await.iter().map(|frame| frame["seq"].as_i64()).collect();
    assert_eq!(seqs, [9, 4, 5, 6, 7, 8].map(Some));
    // In a function the mark is written after the pushes, and another one answers the connect.
    let is_marked = format!("select delivered_seq = 9 from members where user_id = '{}'", bob.id);
    server.wait_until(&is_marked).await;
    server.connect(&bob).await.expect_nothing().await;
}

#[tokio::test]
async fn messages_that_are_not_for_pushing_do_not_count() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    server.leave_messages(&alice, &bob, 600).await;
    let sql = server.sql().await;
    let delete = "update messages set deleted_at = clock_timestamp() where seq % 2 = 0";
    assert_eq!(sql.execute(delete, &[]).await.unwrap(), 300);
    server.leave_messages(&bob, &alice, 600).await;
    let frames = take_all(&server, &bob, 300).await;
    assert_eq!(frames.len(), 300);
    assert!(frames.iter().all(|frame| frame["from"] == json!(alice.id)));
}
