//! Who writes at the moment: passed on, and nothing else.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::{Socket, TestServer, User, assert_rate_limited, most_tokens_since, wait_as_told};

fn typing_to(user: &User) -> Value {
    json!({"type": "typing", "to": user.id, "active": true})
}

fn typing_in(conversation: &str) -> Value {
    json!({"type": "typing", "conversation_id": conversation, "active": true})
}

/// What the others are told.
fn told(user: &User, conversation: &str, active: bool) -> Value {
    json!({"type": "typing", "user_id": user.id, "conversation_id": conversation, "active": active})
}

async fn refusal(socket: &mut Socket, frame: &Value) -> Value {
    socket.send(frame).await;
    let answer = socket.next().await;
    assert_eq!(answer["type"], "error", "{frame} was answered {answer}");
    answer
}

#[tokio::test]
async fn the_other_users_devices_are_told_and_ones_own_are_not() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut phone, mut tablet) = (server.connect(&alice).await, server.connect(&alice).await);
    let (mut of_bob, mut too) = (server.connect(&bob).await, server.connect(&bob).await);
    let conversation = alice.open_direct(&server, &bob).await;
    phone.send(&typing_to(&bob)).await;
    for device in [&mut of_bob, &mut too] {
        assert_eq!(device.next().await, told(&alice, &conversation, true));
    }
    let stopped = json!({"type": "typing", "conversation_id": conversation, "active": false});
    of_bob.send(&stopped).await;
    for device in [&mut phone, &mut tablet] {
        assert_eq!(device.next().await, told(&bob, &conversation, false));
        device.expect_nothing().await;
    }
    too.expect_nothing().await;
}

#[tokio::test]
async fn between_two_who_never_wrote_there_is_no_conversation_and_none_is_made() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    from.send(&typing_to(&bob)).await;
    assert_eq!(
        to.next().await,
        json!({"type": "typing", "user_id": alice.id, "active": true})
    );
    assert_eq!(bob.get(&server, "/conversations").await, json!([]));
}

#[tokio::test]
async fn in_a_group_everybody_else_who_takes_part_is_told() {
    let server = TestServer::start().await;
    let (alice, bob, carol) = (
        server.user("alice").await,
        server.user("bob").await,
        server.user("carol").await,
    );
    let (dave, eve) = (server.user("dave").await, server.user("eve").await);
    let group = alice.make_group(&server, "group", &[&bob, &carol, &dave]).await;
    alice.remove_member(&server, &group, &dave).await.ok();
    let mut from = server.connect(&alice).await;
    let mut members = [server.connect(&bob).await, server.connect(&carol).await];
    let mut others = [server.connect(&dave).await, server.connect(&eve).await];
    from.send(&typing_in(&group)).await;
    for member in &mut members {
        assert_eq!(member.next().await, told(&alice, &group, true));
    }
    for other in &mut others {
        other.expect_nothing().await;
    }
    from.expect_nothing().await;
}

#[tokio::test]
async fn it_is_never_stored() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let conversation = alice.open_direct(&server, &bob).await;
    let mut from = server.connect(&alice).await;
    from.send(&typing_to(&bob)).await;
    from.expect_nothing().await;
    // The connect and its sync bring nothing of it, and the conversation has not changed.
    let mut to = server.connect(&bob).await;
    to.send(&json!({"type": "sync", "versions": {}})).await;
    let end = to.next().await;
    assert_eq!(
        (&end["type"], &end["versions"][&conversation]),
        (&json!("sync_complete"), &json!(0))
    );
}

#[tokio::test]
async fn it_is_passed_on_once_a_second_for_each_conversation_however_that_is_named() {
    let server = TestServer::start().await;
    let (alice, bob, carol) = (
        server.user("alice").await,
        server.user("bob").await,
        server.user("carol").await,
    );
    let conversation = alice.open_direct(&server, &bob).await;
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    let mut third = server.connect(&carol).await;
    // A machine that takes a second for the first passes the second one on, too.
    let mut refused = None;
    for _ in 0..10 {
        from.send(&typing_to(&bob)).await;
        from.send(&typing_in(&conversation)).await;
        refused = from.catch_up().await.pop();
        if refused.is_some() {
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    let refused = refused.expect("a refusal");
    assert_rate_limited(&refused, 1000);
    from.send(&typing_to(&carol)).await;
    assert_eq!(third.next().await["user_id"], alice.id);
    wait_as_told(&refused).await;
    from.send(&json!({"type": "typing", "to": bob.id, "active": false}))
        .await;
    let mut frames = to.take_until(|frame| frame["active"] == false).await;
    assert_eq!(frames.pop().unwrap(), told(&alice, &conversation, false));
    assert!(!frames.is_empty());
    for frame in frames {
        assert_eq!(frame, told(&alice, &conversation, true));
    }
}

#[tokio::test]
async fn it_is_passed_on_to_ten_conversations_a_second_however_many_are_named() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let crowd = server.crowd("crowd", 100).await;
    let mut sockets = [server.connect(&alice).await, server.connect(&alice).await];
    let start = Instant::now();
    for (index, id) in crowd.iter().enumerate() {
        let frame = json!({"type": "typing", "to": id, "active": true});
        sockets[index % 2].send(&frame).await;
    }
    let mut refused = Vec::new();
    for socket in &mut sockets {
        refused.extend(socket.catch_up().await);
    }
    let passed = crowd.len() - refused.len();
    let most = most_tokens_since(start);
    assert!((10..=most).contains(&passed), "{passed} passed, {most} at most");
    for refusal in &refused {
        assert_rate_limited(refusal, 100);
    }
    // The same where frames come so slowly that none of them was refused.
    server
        .empty_bucket(&format!("typing:{}", alice.id), Duration::from_mins(1))
        .await;
    for socket in &mut sockets {
        let frame = json!({"type": "typing", "to": crowd[0], "active": true});
        assert_rate_limited(&refusal(socket, &frame).await, 60_000);
    }
}

#[tokio::test]
async fn whatever_cannot_be_passed_on_is_refused() {
    let server = TestServer::start().await;
    let (alice, bob, carol) = (
        server.user("alice").await,
        server.user("bob").await,
        server.user("carol").await,
    );
    let theirs = bob.make_group(&server, "theirs", &[&carol]).await;
    let left = bob.make_group(&server, "left", &[&alice]).await;
    alice.remove_member(&server, &left, &alice).await.ok();
    let mut socket = server.connect(&alice).await;
    let nobody = "00000000-0000-4000-8000-000000000000";
    for (frame, code, field) in [
        (typing_to(&alice), "invalid_field", json!("to")),
        (
            json!({"type": "typing", "to": nobody, "active": true}),
            "unknown_user",
            Value::Null,
        ),
        (typing_in(nobody), "unknown_conversation", Value::Null),
        (typing_in(&theirs), "unknown_conversation", Value::Null),
        (typing_in(&left), "forbidden", Value::Null),
        (json!({"type": "typing", "active": true}), "invalid_field", json!("to")),
        (
            json!({"type": "typing", "to": bob.id, "conversation_id": theirs, "active": true}),
            "invalid_field",
            json!("to"),
        ),
        (
            json!({"type": "typing", "to": "bob", "active": true}),
            "invalid_field",
            json!("to"),
        ),
        (
            json!({"type": "typing", "to": bob.id}),
            "invalid_field",
            json!("active"),
        ),
        (
            json!({"type": "typing", "to": bob.id, "active": "yes"}),
            "invalid_field",
            json!("active"),
        ),
    ] {
        let refused = refusal(&mut socket, &frame).await;
        assert_eq!((&refused["code"], &refused["field"]), (&json!(code), &field), "{frame}");
    }
}
