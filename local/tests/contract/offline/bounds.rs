//! A push on connect has 500 frames at most.

use serde_json::{Value, json};

use super::complete;
use crate::support::{Socket, TestServer, User, strings};

fn is_end(frame: &Value) -> bool {
    frame["type"] == "sync_complete"
}

/// The messages of a push on connect, and whether more wait.
async fn push_on_connect(server: &TestServer, user: &User) -> (Socket, Vec<Value>, bool) {
    let mut socket = server.open(user).await;
    let mut frames = socket.take_until(is_end).await;
    let end = frames.pop().unwrap();
    assert!(frames.iter().all(|frame| frame["type"] == "direct_message"));
    socket.expect_nothing().await;
    (socket, frames, end["has_more"].as_bool().unwrap())
}

fn waiting(from: u32, to: u32) -> Vec<String> {
    (from..=to).map(|n| format!("waiting {n}")).collect()
}

#[tokio::test]
async fn of_more_than_500_messages_each_connect_brings_500() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    server.leave_messages(&alice, &bob, 1001).await;
    for (range, more) in [((1, 500), true), ((501, 1000), true), ((1001, 1001), false)] {
        let (_, frames, has_more) = push_on_connect(&server, &bob).await;
        assert_eq!(strings(&frames, "content"), waiting(range.0, range.1));
        assert_eq!(has_more, more);
    }
    server.connect(&bob).await.expect_nothing().await;
}

#[tokio::test]
async fn exactly_500_messages_are_all() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    server.leave_messages(&alice, &bob, 500).await;
    let (_, frames, has_more) = push_on_connect(&server, &bob).await;
    assert_eq!((frames.len(), has_more), (500, false));
    server.connect(&bob).await.expect_nothing().await;
}

#[tokio::test]
async fn the_bound_counts_over_all_senders() {
    let server = TestServer::start().await;
    let bob = server.user("bob").await;
    for name in ["alice", "carol", "dave"] {
        let sender = server.user(name).await;
        server.leave_messages(&sender, &bob, 200).await;
    }
    let (_, first, has_more) = push_on_connect(&server, &bob).await;
    assert_eq!((first.len(), has_more), (500, true));
    let (_, second, has_more) = push_on_connect(&server, &bob).await;
    assert_eq!((second.len(), has_more), (100, false));
    let times: Vec<_> = [strings(&first, "created_at"), strings(&second, "created_at")].concat();
    assert!(times.is_sorted(), "oldest first, over both connects");
    server.connect(&bob).await.expect_nothing().await;
}

#[tokio::test]
async fn a_message_after_the_bound_leaves_nothing_behind() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    server.leave_messages(&alice, &bob, 705).await;
    let mut from = server.connect(&alice).await;
    let (mut to, frames, has_more) = push_on_connect(&server, &bob).await;
    assert_eq!((frames.len(), has_more), (500, true));

    // Marking the new one as delivered must not hide those below it, whether they come now or on the next connect.
    let sent = from.say(&bob, "new").await;
    let mut seen = to.take_until(|frame| frame["id"] == sent["id"]).await;
    server.wait_until_marks_are_written(&mut from).await;
    let mut again = server.open(&bob).await;
    seen.extend(again.take_until(|frame| *frame == complete()).await);
    seen.extend(to.catch_up().await);
    let mut seqs: Vec<_> = seen.iter().filter_map(|frame| frame["seq"].as_i64()).collect();
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs, (501..=706).collect::<Vec<_>>());
    server.connect(&bob).await.expect_nothing().await;
}

#[tokio::test]
async fn a_new_message_brings_what_is_left_below_it() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    server.leave_messages(&alice, &bob, 505).await;
    let mut from = server.connect(&alice).await;
    let (mut to, _, has_more) = push_on_connect(&server, &bob).await;
    assert!(has_more);
    from.say(&bob, "new").await;
    let frames = to.take(6).await;
    assert_eq!(frames[0]["content"], "new");
    assert_eq!(strings(&frames[1..], "content"), waiting(501, 505));
    // In a function the mark is written after the pushes, and another one answers the connect.
    let is_marked = format!("select delivered_seq = 506 from members where user_id = '{}'", bob.id);
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
    let (_, frames, has_more) = push_on_connect(&server, &bob).await;
    assert_eq!((frames.len(), has_more), (300, false));
    assert!(frames.iter().all(|frame| frame["from"] == json!(alice.id)));
}
