//! Messages that are sent while their receiver connects.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Options, Socket, TestServer, direct_message};

fn ids(frames: &[Value]) -> BTreeSet<String> {
    let messages = frames.iter().filter(|frame| frame["type"] == "direct_message");
    messages.map(|frame| frame["id"].to_string()).collect()
}

/// Sends `count` messages and returns their acknowledgements.
async fn send_some(socket: &mut Socket, frame: &Value, count: usize) -> Vec<Value> {
    for _ in 0..count {
        socket.send(frame).await;
    }
    socket.take(count).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_sent_while_its_receiver_connects_is_never_lost() {
    let server = TestServer::start().await;
    server.lift_rate_limits().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut from = server.connect(&alice).await;
    let frame = direct_message(&bob, "into the handshake");
    for round in 0..50 {
        let receive = async {
            let mut to = server.open(&bob).await;
            let frames = to.take_until(|frame| frame["type"] == "sync_complete").await;
            (to, frames)
        };
        let count = 1 + round % 8;
        let (acknowledged, (mut to, mut frames)) = tokio::join!(send_some(&mut from, &frame, count), receive);
        // A function's push may be behind the acknowledgement, and behind the pong of another.
        server.functions_ended().await;
        frames.extend(to.catch_up().await);
        server.functions_ended().await;
        // Nothing of an earlier round comes again, as each has ended in order.
        assert_eq!(ids(&frames), ids(&acknowledged), "round {round}");
        to.close().await;
    }
    server.connect(&bob).await.expect_nothing().await;
}

#[tokio::test]
async fn a_send_that_commits_late_reaches_a_receiver_who_connected_meanwhile() {
    let server = TestServer::with(Options::environment("DATABASE_TIMEOUT_MS", "60000")).await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut from = server.connect(&alice).await;
    let commits = server.hold_commits("insert").await;
    from.send(&direct_message(&bob, "late")).await;
    // By then the statement has looked for the receiver's connections.
    commits.wait_for_one().await;

    let receive = async {
        let mut to = server.open(&bob).await;
        let frames = to.take_until(|frame| frame["type"] == "sync_complete").await;
        (to, frames)
    };
    let ((mut to, mut frames), ()) = tokio::join!(receive, commits.let_go_once_awaited());
    let sent = from.next().await;
    frames.extend(to.catch_up().await);
    assert_eq!(ids(&frames), ids(&[sent]));
}
