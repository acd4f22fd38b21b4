//! The delivered mark never runs ahead of a message that its user was not sent, and soon catches up.

use futures_util::future::join_all;
use serde_json::Value;

use super::{devices, send_many};
use crate::support::{Socket, TestServer, User};

/// The user's delivered mark, where they have one conversation.
async fn mark(sql: &tokio_postgres::Client, user: &User) -> i64 {
    let query = format!("select delivered_seq from members where user_id = '{}'", user.id);
    sql.query_one(&query, &[]).await.unwrap().get(0)
}

/// The highest number up to which every message is among the frames.
fn reached(frames: &[Value]) -> i64 {
    let mut seqs: Vec<_> = frames.iter().filter_map(|frame| frame["seq"].as_i64()).collect();
    seqs.sort_unstable();
    seqs.dedup();
    let holeless = (1..).zip(&seqs).take_while(|(expected, seq)| expected == *seq);
    holeless.map(|(_, seq)| *seq).last().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mark_follows_what_was_received_and_catches_up() {
    let server = TestServer::start().await;
    server.lift_rate_limits().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut hers = devices(&server, &alice, 3).await;
    let mut to = server.connect(&bob).await;
    let sql = server.sql().await;
    let mut frames = Vec::new();
    for _ in 0..20 {
        join_all(hers.iter_mut().map(|socket| send_many(socket, &bob, 5))).await;
        frames.extend(to.catch_up().await);
        // A conversation exists once a message has arrived.
        if !frames.is_empty() {
            let mark = mark(&sql, &bob).await;
            frames.extend(to.catch_up().await);
            assert!(
                mark <= reached(&frames),
                "{mark} is marked, {} was received",
                reached(&frames)
            );
        }
    }
    for socket in &mut hers {
        socket.catch_up().await;
    }
    frames.extend(to.catch_up().await);
    assert_eq!(reached(&frames), 300);
    let marked = format!("select delivered_seq = 300 from members where user_id = '{}'", bob.id);
    server.wait_until(&marked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mark_of_a_receiver_who_comes_and_goes_hides_nothing_from_them() {
    let server = TestServer::start().await;
    server.lift_rate_limits().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut from = server.connect(&alice).await;
    let sql = server.sql().await;
    let mut frames = Vec::new();
    for round in 0..25 {
        let visit = async {
            let mut to = server.open(&bob).await;
            let mut frames = to.take_until(|frame| frame["type"] == "sync_complete").await;
            frames.extend(to.catch_up().await);
            if round > 0 {
                frames.push(serde_json::json!({"mark": mark(&sql, &bob).await}));
            }
            // Also what comes between the last look and the end was delivered.
            frames.extend(to.take_leave().await);
            frames
        };
        let talk = async {
            send_many(&mut from, &bob, 6).await;
            from.take(6).await
        };
        let (visited, _) = tokio::join!(visit, talk);
        let mark = visited.iter().find_map(|frame| frame["mark"].as_i64()).unwrap_or(0);
        frames.extend(visited);
        assert!(
            mark <= reached(&frames),
            "{mark} is marked, {} was received",
            reached(&frames)
        );
    }
    let mut last: Socket = server.open(&bob).await;
    frames.extend(last.take_until(|frame| frame["type"] == "sync_complete").await);
    assert_eq!(
        reached(&frames),
        150,
        "what was sent between two visits came with the next"
    );
    server
        .wait_until(&format!(
            "select delivered_seq = 150 from members where user_id = '{}'",
            bob.id
        ))
        .await;
}

#[tokio::test]
async fn nothing_is_marked_for_a_receiver_who_is_away() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut from = server.connect(&alice).await;
    for index in 0..5 {
        from.say(&bob, &index.to_string()).await;
    }
    server.wait_until_marks_are_written(&mut from).await;
    assert_eq!(mark(&server.sql().await, &bob).await, 0);
}
