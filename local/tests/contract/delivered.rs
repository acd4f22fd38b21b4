//! How far a user's devices have what was written: told to those who wrote it, and to the devices themselves.

use serde_json::{Value, json};

use crate::support::{Options, Socket, TestServer, User, direct_message, only_in_process};

fn delivered(user: &User, conversation: &Value, seq: i64) -> Value {
    json!({"type": "delivered", "conversation_id": conversation, "user_id": user.id, "seq": seq})
}

/// The marks of a user that a socket is told, up to the one at `seq`.
async fn marks_up_to(socket: &mut Socket, user: &User, seq: i64) -> Vec<i64> {
    let is_mark = |frame: &Value| frame["type"] == "delivered" && frame["user_id"] == user.id;
    let frames = socket
        .take_all_until(|frame| is_mark(frame) && frame["seq"] == seq)
        .await;
    frames
        .iter()
        .filter(|frame| is_mark(frame))
        .map(|frame| frame["seq"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn both_users_of_a_direct_conversation_are_told_on_all_their_devices() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut also_from) = (server.connect(&alice).await, server.connect(&alice).await);
    let (mut to, mut also_to) = (server.connect(&bob).await, server.connect(&bob).await);
    let sent = from.say(&bob, "x").await;
    for socket in [&mut from, &mut also_from, &mut to, &mut also_to] {
        let is_it = |frame: &Value| frame["type"] == "delivered" && frame["user_id"] == bob.id;
        let told = socket.take_all_until(is_it).await.pop().unwrap();
        assert_eq!(told, delivered(&bob, &sent["conversation_id"], 1));
    }
}

#[tokio::test]
async fn nothing_is_delivered_to_who_is_away_and_all_at_once_when_they_come() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut from = server.connect(&alice).await;
    for content in ["one", "two", "three"] {
        from.say(&bob, content).await;
    }
    // Whatever the sends had in mind to mark must not fall among the pushes.
    server.wait_until_marks_are_written(&mut from).await;
    let mut to = server.open(&bob).await;
    assert_eq!(marks_up_to(&mut from, &bob, 3).await, [3]);
    assert_eq!(marks_up_to(&mut to, &bob, 3).await, [3]);
}

#[tokio::test]
async fn marks_only_grow_and_come_to_the_last_message() {
    if only_in_process("functions write marks one by one, and what they tell may overtake each other") {
        return;
    }
    let server = TestServer::start().await;
    server.lift_rate_limits().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    let mut also_to = server.connect(&bob).await;
    for _ in 0..200 {
        from.send(&direct_message(&bob, "x")).await;
    }
    for socket in [&mut from, &mut to, &mut also_to] {
        let marks = marks_up_to(socket, &bob, 200).await;
        assert!(marks.is_sorted_by(|one, next| one < next), "{marks:?}");
        assert!(marks.len() < 200, "many messages are told of together: {marks:?}");
    }
}

#[tokio::test]
async fn in_a_group_those_are_told_whose_messages_were_delivered() {
    let server = TestServer::start().await;
    let (alice, bob, carol) = (
        server.user("alice").await,
        server.user("bob").await,
        server.user("carol").await,
    );
    let group = alice.make_group(&server, "group", &[&bob, &carol]).await;
    let (mut of_alice, mut of_bob) = (server.connect(&alice).await, server.connect(&bob).await);
    let mut of_carol = server.connect(&carol).await;
    of_alice.say_in(&group, "from alice").await;
    for socket in [&mut of_alice, &mut of_bob] {
        assert_eq!(marks_up_to(socket, &bob, 1).await, [1]);
    }
    // By the time that Carol's own mark is told to Alice too, Bob's would have been told to Carol.
    marks_up_to(&mut of_alice, &carol, 1).await;
    of_carol.send(&json!({"type": "ping"})).await;
    let frames = of_carol.take_all_until(|frame| frame["type"] == "pong").await;
    assert!(!frames.iter().any(|frame| frame["user_id"] == bob.id), "{frames:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_does_not_read_holds_up_no_mark() {
    if only_in_process("a function writes its marks with one statement, once every push was taken or is over") {
        return;
    }
    let server = TestServer::with(Options::patient()).await;
    server.lift_rate_limits().await;
    let (alice, bob, carol) = (
        server.user("alice").await,
        server.user("bob").await,
        server.user("carol").await,
    );
    let group = alice.make_group(&server, "group", &[&bob, &carol]).await;
    let mut from = server.connect(&alice).await;
    let mut phone = server.connect(&bob).await;
    let mut of_carol = server.connect(&carol).await;
    let mut tablet = server.open_with_small_buffers(&bob).await;
    assert_eq!(tablet.next().await["type"], "sync_complete");
    // More than the tablet's buffers take, and less than its queue does.
    let large = "😀".repeat(4096);
    let read = async {
        for _ in 0..50 {
            of_carol.next().await;
            phone.next().await;
        }
    };
    let write = async {
        for _ in 0..50 {
            from.say_in(&group, &large).await;
        }
    };
    tokio::join!(read, write);
    for user in [&bob, &carol] {
        let query = format!(
            "select delivered_seq = 50 from members where user_id = '{}' and conversation_id = '{group}'",
            user.id
        );
        server.wait_until(&query).await;
    }
    for _ in 0..50 {
        assert_eq!(tablet.next().await["content"], *large);
    }
}
