//! What a user was not sent is pushed when they connect.

mod bounds;
mod leaving;
mod while_connecting;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{TestServer, User, receivers_copy, strings};

/// The end of a push on connect that brought everything.
fn complete() -> Value {
    json!({"type": "sync_complete", "has_more": false})
}

fn is_end(frame: &Value) -> bool {
    frame["type"] == "sync_complete"
}

/// Connects until a push is complete, and adds what comes. A busy machine may have the time of a push be over early.
pub async fn take_the_rest(server: &TestServer, user: &User, pushed: &mut Vec<Value>) {
    while !pushed.contains(&complete()) {
        pushed.extend(server.open(user).await.take_until(is_end).await);
    }
}

/// The numbers of the messages among these frames, each once.
fn seqs(frames: &[Value]) -> BTreeSet<i64> {
    frames.iter().filter_map(|frame| frame["seq"].as_i64()).collect()
}

#[tokio::test]
async fn a_first_connect_of_somebody_with_no_messages_is_complete_at_once() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let mut socket = server.open(&alice).await;
    assert_eq!(socket.next().await, complete());
    socket.expect_nothing().await;
}

#[tokio::test]
async fn messages_of_several_senders_wait_and_come_oldest_first() {
    let server = TestServer::start().await;
    let bob = server.user("bob").await;
    let mut senders = Vec::new();
    for name in ["alice", "carol", "dave"] {
        let user = server.user(name).await;
        senders.push(server.connect(&user).await);
    }
    let mut sent = Vec::new();
    for round in 0..4 {
        for (index, sender) in senders.iter_mut().enumerate() {
            sent.push(sender.say(&bob, &format!("{round} from {index}")).await);
        }
    }
    // As they would have come at once: the same frames, with nothing to ask for.
    let mut socket = server.open(&bob).await;
    let pushed = socket.take(13).await;
    assert_eq!(pushed[..12], sent);
    assert_eq!(pushed[12], complete());
    socket.expect_nothing().await;
}

#[tokio::test]
async fn a_client_id_is_not_pushed_to_the_receiver() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut from = server.connect(&alice).await;
    let sent = from.ask(&crate::support::named_message(&bob, "x", "c1")).await;
    let mut to = server.open(&bob).await;
    assert_eq!(to.take(2).await, [receivers_copy(&sent), complete()]);
}

#[tokio::test]
async fn what_was_pushed_once_is_not_pushed_again() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut from = server.connect(&alice).await;
    from.say(&bob, "while away").await;
    let mut to = server.open(&bob).await;
    assert_eq!(to.take(2).await[1], complete());
    from.say(&bob, "while there").await;
    assert_eq!(to.next().await["content"], "while there");
    server.functions_ended().await;
    // At once, with the first connection still open, and after it was closed.
    server.connect(&bob).await.expect_nothing().await;
    to.close().await;
    server.connect(&bob).await.expect_nothing().await;

    let server = server.restart().await;
    server.connect(&bob).await.expect_nothing().await;
    server.connect(&alice).await.expect_nothing().await;
}

#[tokio::test]
async fn what_nobody_was_sent_waits_through_a_restart() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut from = server.connect(&alice).await;
    let sent = from.say(&bob, "while away").await;
    let server = server.restart().await;
    let mut to = server.open(&bob).await;
    assert_eq!(to.take(2).await, [sent, complete()]);
}

#[tokio::test]
async fn own_messages_and_deleted_ones_do_not_wait_and_edited_ones_come_as_they_now_are() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut from = server.connect(&alice).await;
    let mut sent = Vec::new();
    for content in ["first", "deleted", "edited", "deleted too"] {
        sent.push(from.say(&bob, content).await);
    }
    alice.delete(&server, &sent[1]).await;
    alice.edit(&server, &sent[2], "edited since").await;
    alice.delete(&server, &sent[3]).await;
    from.close().await;

    let mut to = server.open(&bob).await;
    let pushed = to.take(3).await;
    assert_eq!(pushed[0], sent[0]);
    let mut edited = sent[2].clone();
    edited["content"] = json!("edited since");
    assert!(pushed[1]["version"].as_i64() > sent[3]["version"].as_i64());
    edited["version"] = pushed[1]["version"].clone();
    assert_eq!(pushed[1], edited);
    assert_eq!(pushed[2], complete());

    // Of this conversation Alice lacks what Bob writes now, and nothing of her own.
    to.say(&alice, "answer").await;
    let mut from = server.open(&alice).await;
    let pushed = from.take(2).await;
    assert_eq!(strings(&pushed, "content"), ["answer"]);
    assert_eq!(pushed[1], complete());
}

#[tokio::test]
async fn one_device_is_enough_to_have_been_sent_a_message() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut from = server.connect(&alice).await;
    from.say(&bob, "while away").await;
    let mut phone = server.open(&bob).await;
    assert_eq!(strings(&phone.take(2).await, "content"), ["while away"]);
    let mut tablet = server.connect(&bob).await;
    from.say(&bob, "to both").await;
    for device in [&mut phone, &mut tablet] {
        assert_eq!(device.next().await["content"], "to both");
        device.expect_nothing().await;
    }
}

#[tokio::test]
async fn two_devices_that_connect_at_once_get_everything_between_them() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    server.leave_messages(&alice, &bob, 150).await;
    let (mut phone, mut tablet) = tokio::join!(server.open(&bob), server.open(&bob));
    let (mut pushed, of_tablet) = tokio::join!(phone.take_until(is_end), tablet.take_until(is_end));
    for frames in [&pushed, &of_tablet] {
        let seqs: Vec<_> = frames.iter().filter_map(|frame| frame["seq"].as_i64()).collect();
        assert!(seqs.is_sorted(), "oldest first: {seqs:?}");
    }
    pushed.extend(of_tablet);
    take_the_rest(&server, &bob, &mut pushed).await;
    assert_eq!(seqs(&pushed), (1..=150).collect());
    server.connect(&bob).await.expect_nothing().await;
}
