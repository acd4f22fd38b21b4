//! Many clients that come and go at once: what killed the backend that this contract comes from.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use tokio::task::JoinSet;

use crate::support::{TestServer, User, direct_message, in_lambda_mode};

const CLIENTS: usize = 40;
const ROUNDS: usize = 8;

/// Connects, sends three messages and leaves, in one of several ways. Returns the ids of those that were acknowledged.
async fn visit(server: &TestServer, user: &User, to: &User, round: usize) -> Vec<String> {
    let mut socket = server.open(user).await;
    for _ in 0..3 {
        socket.send(&direct_message(to, "in passing")).await;
    }
    let frames = match round % 4 {
        0 => socket.catch_up().await,
        1 => socket.take(2).await,
        _ => Vec::new(),
    };
    if round.is_multiple_of(2) {
        socket.close().await;
    } else {
        socket.cut();
    }
    ids(&frames)
}

/// The ids of the messages among these frames.
fn ids(frames: &[Value]) -> Vec<String> {
    let messages = frames.iter().filter(|frame| frame["type"] == "direct_message");
    messages.map(|frame| frame["id"].to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_clients_that_connect_send_and_leave_in_a_loop_harm_nobody() {
    let server = Arc::new(TestServer::start().await);
    let (bob, carol) = (server.user("bob").await, server.user("carol").await);
    let (mut to, mut bystander) = (server.connect(&bob).await, server.connect(&carol).await);
    let mut clients = JoinSet::new();
    let mut users = Vec::new();
    for _ in 0..8 {
        users.push(server.user("visitor").await);
    }
    for client in 0..CLIENTS {
        let (server, user, bob) = (Arc::clone(&server), users[client % users.len()].clone(), bob.clone());
        clients.spawn(async move {
            let mut acknowledged = Vec::new();
            for round in 0..ROUNDS {
                acknowledged.extend(visit(&server, &user, &bob, client + round).await);
            }
            acknowledged
        });
    }
    let mut received = BTreeSet::new();
    let mut acknowledged = BTreeSet::new();
    while let Some(client) = clients.join_next().await {
        acknowledged.extend(client.unwrap());
        bystander.expect_nothing().await;
        received.extend(ids(&to.catch_up().await));
    }
    for user in &users {
        server
            .wait_until(&format!(
                "select count(*) = 0 from connections where user_id = '{}'",
                user.id
            ))
            .await;
    }
    server.functions_ended().await;
    received.extend(ids(&to.catch_up().await));
    if in_lambda_mode() {
        // Where so many processes kept a push waiting for too long, the message comes with the next connect.
        let mut again = server.open(&bob).await;
        received.extend(ids(&again.take_until(|frame| frame["type"] == "sync_complete").await));
    }
    assert!(!acknowledged.is_empty());
    let lost: Vec<_> = acknowledged.difference(&received).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let sql = server.sql().await;
    let row = sql.query_one("select count(*) from messages", &[]).await.unwrap();
    assert_eq!(
        row.get::<_, i64>(0),
        i64::try_from(received.len()).unwrap(),
        "everything that was stored arrived"
    );
    bystander.say(&bob, "still here").await;
    assert_eq!(to.next().await["content"], "still here");
}
