//! What happens at once: numbers without holes, one row for one `client_id`, and marks that never lead.

mod changes;
mod marks;
mod repeats;

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::Value;

use crate::support::{Socket, TestServer, User, direct_message, in_lambda_mode};

/// Several sockets of a user.
async fn devices(server: &TestServer, user: &User, count: usize) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for _ in 0..count {
        sockets.push(server.connect(user).await);
    }
    sockets
}

/// How often each message came, by its `seq`; they must all be of one conversation.
fn by_seq(frames: &[Value]) -> BTreeMap<i64, usize> {
    let mut counts = BTreeMap::new();
    for frame in frames {
        assert_eq!(frame["type"], "direct_message", "{frame}");
        assert_eq!(frame["conversation_id"], frames[0]["conversation_id"]);
        *counts.entry(frame["seq"].as_i64().unwrap()).or_default() += 1;
    }
    counts
}

/// A frame may come again, but no other of the same message.
fn expect_the_same_of_repeats(frames: &[Value]) {
    let mut first = BTreeMap::new();
    for frame in frames {
        let first = first.entry(frame["seq"].as_i64()).or_insert(frame);
        assert_eq!(*first, frame);
    }
}

fn each_once(count: i64) -> BTreeMap<i64, usize> {
    (1..=count).map(|seq| (seq, 1)).collect()
}

/// The frames of `count` messages. Functions in processes of their own know nothing of each other's pushes: there a frame may come
/// again, which clients drop.
async fn take_messages(socket: &mut Socket, count: usize) -> Vec<Value> {
    let mut frames = socket.take(count).await;
    while in_lambda_mode() && by_seq(&frames).len() < count {
        frames.push(socket.next().await);
    }
    expect_the_same_of_repeats(&frames);
    if in_lambda_mode() {
        frames.sort_by_key(|frame| frame["seq"].as_i64());
        frames.dedup();
    }
    frames
}

/// Nothing comes any more, but for repeats of `known` frames where they are possible.
async fn expect_nothing_new(socket: &mut Socket, known: &[Value]) {
    for frame in socket.catch_up().await {
        assert!(in_lambda_mode() && known.contains(&frame), "{frame}");
    }
}

/// The last number of each conversation, and how many messages it has. Versions are not told: delivered marks take some, sooner or later.
async fn conversations(server: &TestServer) -> Vec<(i64, i64)> {
    let query = "select last_seq, (select count(*) from messages where conversation_id = c.id)
        from conversations c order by id";
    let rows = server.sql().await.query(query, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Sends `count` messages without waiting.
async fn send_many(socket: &mut Socket, to: &User, count: usize) {
    let frame = direct_message(to, "at once");
    for _ in 0..count {
        socket.send(&frame).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_sends_in_one_conversation_are_numbered_without_a_hole() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut hers = devices(&server, &alice, 5).await;
    let mut his = devices(&server, &bob, 5).await;
    let sends = hers.iter_mut().map(|socket| send_many(socket, &bob, 2));
    let answers = his.iter_mut().map(|socket| send_many(socket, &alice, 2));
    tokio::join!(join_all(sends), join_all(answers));
    let mut known = Vec::new();
    for socket in hers.iter_mut().chain(&mut his) {
        let frames = take_messages(socket, 20).await;
        assert_eq!(by_seq(&frames), each_once(20));
        known.push(frames);
    }
    server.functions_ended().await;
    for (socket, known) in hers.iter_mut().chain(&mut his).zip(&known) {
        expect_nothing_new(socket, known).await;
    }
    assert_eq!(conversations(&server).await, [(20, 20)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_each_device_gets_each_message() {
    let server = TestServer::start().await;
    server.lift_rate_limits().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut hers = devices(&server, &alice, 3).await;
    let mut his = devices(&server, &bob, 3).await;
    // Long enough for delivered marks to be written several times meanwhile, which functions do with each message.
    let rounds = if in_lambda_mode() { 3 } else { 10 };
    let count = 120 * rounds;
    let talk = |socket: Socket, to: User| async move {
        let mut socket = socket;
        let mut frames = Vec::new();
        for _ in 0..rounds {
            send_many(&mut socket, &to, 20).await;
            frames.extend(socket.catch_up().await);
        }
        (socket, frames)
    };
    let hers = hers.drain(..).map(|socket| talk(socket, bob.clone()));
    let his = his.drain(..).map(|socket| talk(socket, alice.clone()));
    for (mut socket, mut frames) in join_all(hers.chain(his).map(tokio::spawn))
        .await
        .into_iter()
        .map(Result::unwrap)
    {
        // All sends were answered, so this is all that there is to come.
        frames.extend(socket.catch_up().await);
        assert!(by_seq(&frames).into_keys().eq(1..=count));
        expect_the_same_of_repeats(&frames);
    }
    assert_eq!(conversations(&server).await, [(count, count)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_first_messages_of_both_make_one_conversation() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut others, mut names) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        let other = server.user("other").await;
        others.push(server.connect(&other).await);
        names.push(other);
    }
    for user in [&alice, &bob] {
        let mut socket = server.connect(user).await;
        let first = direct_message(user, "first");
        join_all(others.iter_mut().map(|other| other.send(&first))).await;
        for other in &names {
            socket.send(&direct_message(other, "first")).await;
        }
        let frames = socket.take(16).await;
        let mut numbers: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for frame in &frames {
            let conversation = frame["conversation_id"].to_string();
            numbers
                .entry(conversation)
                .or_default()
                .push(frame["seq"].as_i64().unwrap());
        }
        assert_eq!(numbers.len(), 8, "one for each pair");
        for numbers in numbers.values_mut() {
            numbers.sort_unstable();
            assert_eq!(*numbers, [1, 2]);
        }
    }
    assert_eq!(conversations(&server).await, [(2, 2); 16]);
}
