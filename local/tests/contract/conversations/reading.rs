//! Read marks: over REST, in frames, and what everybody is told of them.

use serde_json::{Value, json};

use super::sending::connected;
use super::{Group, NOTHING};
use crate::support::{TestServer, User};

/// A direct conversation in which Bob wrote `n` messages to Ada.
async fn conversation(n: u32) -> (TestServer, User, User, String) {
    let server = TestServer::start().await;
    server.lift_rate_limits().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    server.leave_messages(&bob, &ada, n).await;
    let id = ada.open_direct(&server, &bob).await;
    (server, ada, bob, id)
}

fn told(reader: &User, conversation: &str, seq: i64) -> Value {
    json!({
        "type": "conversation_read",
        "reader_id": reader.id,
        "user_id": reader.id,
        "conversation_id": conversation,
        "seq": seq,
    })
}

#[tokio::test]
async fn a_mark_moves_on_never_back_and_not_beyond_the_last_message() {
    let (server, ada, _, id) = conversation(5).await;
    for (asked, stands) in [
        (Some(0), 0),
        (Some(3), 3),
        (Some(1), 3),
        (Some(0), 3),
        (Some(99), 5),
        (Some(i64::MAX), 5),
        (None, 5),
        (Some(2), 5),
    ] {
        let answer = ada.read(&server, &id, asked).await.ok();
        assert_eq!(answer, json!({"conversation_id": id, "seq": stands}), "{asked:?}");
    }
}

#[tokio::test]
async fn a_direct_conversation_can_be_named_by_the_other_user() {
    let (server, ada, bob, id) = conversation(3).await;
    assert_eq!(
        ada.read(&server, &bob.id, Some(2)).await.ok(),
        json!({"conversation_id": id, "seq": 2})
    );
    assert_eq!(ada.read(&server, &bob.id.to_uppercase(), None).await.ok()["seq"], 3);
    let stranger = server.user("stranger").await;
    for reference in [stranger.id.as_str(), ada.id.as_str(), NOTHING] {
        ada.read(&server, reference, None)
            .await
            .problem(404, "unknown_conversation");
    }
}

#[tokio::test]
async fn a_message_can_be_marked_as_read_with_all_before_it() {
    let (server, ada, bob, id) = conversation(4).await;
    let messages = ada.messages(&server, &id).await;
    let read = async |user: &User, n: usize| {
        let path = format!("/messages/{}/read", messages[n]["id"].as_str().unwrap());
        user.call(&server, "POST", &path, Value::Null).await
    };
    assert_eq!(read(&ada, 2).await.ok(), json!({"conversation_id": id, "seq": 3}));
    assert_eq!(read(&ada, 0).await.ok(), json!({"conversation_id": id, "seq": 3}));
    assert_eq!(read(&bob, 0).await.ok()["seq"], 1);
    let stranger = server.user("stranger").await;
    read(&stranger, 0).await.problem(404, "unknown_message");
    let unknown = ada
        .call(&server, "POST", &format!("/messages/{NOTHING}/read"), Value::Null)
        .await;
    unknown.problem(404, "unknown_message");
}

#[tokio::test]
async fn a_deleted_message_can_be_marked_as_read() {
    let (server, ada, bob, id) = conversation(2).await;
    let last = ada.messages(&server, &id).await.pop().unwrap();
    bob.delete(&server, &last).await;
    let path = format!("/messages/{}/read", last["id"].as_str().unwrap());
    assert_eq!(ada.call(&server, "POST", &path, Value::Null).await.ok()["seq"], 2);
}

#[tokio::test]
async fn all_devices_of_all_sides_are_told_once() {
    let (server, ada, bob, id) = conversation(3).await;
    let mut sockets = Vec::new();
    for user in [&ada, &ada, &bob, &bob] {
        sockets.push(connected(&server, user).await);
    }
    ada.read(&server, &id, Some(2)).await.ok();
    ada.read(&server, &id, Some(1)).await.ok();
    for socket in &mut sockets {
        assert_eq!(socket.next().await, told(&ada, &id, 2));
        socket.expect_nothing().await;
    }
}

#[tokio::test]
async fn everyone_in_a_group_is_told_and_nobody_else() {
    let group = Group::start().await;
    group.say(&group.owner, "one").await;
    let former = group.server.user("former").await;
    group.add(&former).await;
    group.remove(&former).await;
    let mut of_former = connected(&group.server, &former).await;
    let mut sockets = Vec::new();
    for user in [&group.owner, &group.admin, &group.member] {
        sockets.push(connected(&group.server, user).await);
    }
    group.admin.read(&group.server, &group.id, None).await.ok();
    for socket in &mut sockets {
        assert_eq!(socket.next().await, told(&group.admin, &group.id, 1));
    }
    of_former.expect_nothing().await;
}

#[tokio::test]
async fn a_frame_reads_and_is_answered_also_where_nothing_moves() {
    let (server, ada, bob, id) = conversation(3).await;
    let (mut one, mut other) = (connected(&server, &ada).await, connected(&server, &ada).await);
    let mut of_bob = connected(&server, &bob).await;
    one.send(&json!({"type": "read", "conversation_id": id, "seq": 2}))
        .await;
    for socket in [&mut one, &mut other, &mut of_bob] {
        assert_eq!(socket.next().await, told(&ada, &id, 2));
    }
    one.send(&json!({"type": "read", "conversation_id": id, "seq": 1}))
        .await;
    assert_eq!(one.next().await, told(&ada, &id, 2));
    one.send(&json!({"type": "read", "conversation_id": id.to_uppercase()}))
        .await;
    for socket in [&mut one, &mut other, &mut of_bob] {
        assert_eq!(socket.next().await, told(&ada, &id, 3));
        socket.expect_nothing().await;
    }
}

#[tokio::test]
async fn a_frame_that_can_not_be_read_says_why() {
    let (server, ada, bob, id) = conversation(1).await;
    let mut socket = connected(&server, &ada).await;
    for (frame, code, field) in [
        (json!({"seq": 1}), "invalid_field", json!("conversation_id")),
        (
            json!({"conversation_id": "x", "seq": 1}),
            "invalid_field",
            json!("conversation_id"),
        ),
        (json!({"conversation_id": id, "seq": -1}), "invalid_field", json!("seq")),
        (
            json!({"conversation_id": id, "seq": "1"}),
            "invalid_field",
            json!("seq"),
        ),
        (
            json!({"conversation_id": id, "seq": 1.5}),
            "invalid_field",
            json!("seq"),
        ),
        (
            json!({"conversation_id": NOTHING, "seq": 1}),
            "unknown_conversation",
            Value::Null,
        ),
        // A frame names the conversation; only the path may name the other user.
        (
            json!({"conversation_id": bob.id, "seq": 1}),
            "unknown_conversation",
            Value::Null,
        ),
    ] {
        let mut frame = frame;
        frame["type"] = json!("read");
        frame["client_id"] = json!("r1");
        socket.send(&frame).await;
        let answer = socket.next().await;
        assert_eq!(
            (&answer["type"], &answer["code"]),
            (&json!("error"), &json!(code)),
            "{frame}"
        );
        assert_eq!(
            (&answer["field"], &answer["client_id"]),
            (&field, &json!("r1")),
            "{frame}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_no_seq_is_refused() {
    let (server, ada, _, id) = conversation(1).await;
    let path = format!("/conversations/{id}/read");
    for seq in [
        json!(-1),
        json!("1"),
        json!(1.5),
        json!(true),
        json!([1]),
        json!(9_223_372_036_854_775_808_u64),
    ] {
        let answer = ada.call(&server, "POST", &path, json!({"seq": seq})).await;
        answer.refuses(&["seq"]);
    }
    let list = ada.call(&server, "POST", &path, json!([1])).await;
    list.problem(400, "invalid_json");
    for body in [json!({}), json!({"seq": null}), json!({"other": 1})] {
        assert_eq!(ada.call(&server, "POST", &path, body).await.ok()["seq"], 1);
    }
}
