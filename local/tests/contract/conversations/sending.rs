//! The frame `message`.

use serde_json::{Value, json};

use super::{Group, NOTHING};
use crate::support::{Socket, TestServer, User, direct_message, receivers_copy, said};

pub(super) async fn connected(server: &TestServer, user: &User) -> Socket {
    let mut socket = server.open(user).await;
    socket.next_of("sync_complete").await;
    socket
}

#[tokio::test]
async fn every_device_of_every_member_gets_a_message_to_a_group() {
    let group = Group::start().await;
    let mut sockets = Vec::new();
    for user in [&group.owner, &group.owner, &group.admin, &group.member, &group.member] {
        sockets.push((user, connected(&group.server, user).await));
    }
    let stranger = group.server.user("stranger").await;
    let mut of_stranger = connected(&group.server, &stranger).await;
    let mut frame = said(&group.id, "Hello all");
    frame["client_id"] = json!("c1");
    let sent = sockets[0].1.ask(&frame).await;
    let expected = json!({
        "type": "message",
        "id": sent["id"],
        "from": group.owner.id,
        "content": "Hello all",
        "timestamp": sent["timestamp"],
        "sender_username": group.owner.username,
        "conversation_id": group.id,
        "seq": 1,
        "version": sent["version"],
        "created_at": sent["created_at"],
        "client_id": "c1",
    });
    assert_eq!(sent, expected);
    for (user, socket) in &mut sockets[1..] {
        let copy = socket.next().await;
        let expected = if user.id == group.owner.id {
            sent.clone()
        } else {
            receivers_copy(&sent)
        };
        assert_eq!(copy, expected);
    }
    of_stranger.expect_nothing().await;
}

#[tokio::test]
async fn in_a_direct_conversation_everybody_gets_a_direct_message() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let id = ada.open_direct(&server, &bob).await;
    let (mut of_ada, mut of_bob) = (connected(&server, &ada).await, connected(&server, &bob).await);
    let sent = of_ada.ask(&said(&id, "Hello")).await;
    assert_eq!(
        (&sent["type"], &sent["to"], &sent["seq"]),
        (&json!("direct_message"), &json!(bob.id), &json!(1))
    );
    assert_eq!(of_bob.next().await, sent);
    let back = of_bob.ask(&said(&id, "Hi")).await;
    assert_eq!(
        (&back["type"], &back["to"], &back["seq"]),
        (&json!("direct_message"), &json!(ada.id), &json!(2))
    );
    assert_eq!(of_ada.next().await, back);
    // And either frame goes on in the same conversation.
    assert_eq!(of_ada.ask(&direct_message(&bob, "again")).await["seq"], 3);
}

#[tokio::test]
async fn what_is_no_message_to_a_conversation_says_why() {
    let group = Group::start().await;
    let stranger = group.server.user("stranger").await;
    let mut socket = connected(&group.server, &group.owner).await;
    for (frame, field) in [
        (json!({"content": "x"}), "conversation_id"),
        (json!({"conversation_id": "x", "content": "x"}), "conversation_id"),
        (json!({"conversation_id": 7, "content": "x"}), "conversation_id"),
        (json!({"conversation_id": group.id}), "content"),
        (json!({"conversation_id": group.id, "content": " "}), "content"),
        (
            json!({"conversation_id": group.id, "content": "x".repeat(4097)}),
            "content",
        ),
        (
            json!({"conversation_id": group.id, "content": "x", "reply_to": "x"}),
            "reply_to",
        ),
        (
            json!({"conversation_id": group.id, "content": "x", "reply_to": 7}),
            "reply_to",
        ),
    ] {
        let mut frame = frame;
        frame["type"] = json!("message");
        frame["client_id"] = json!("c1");
        let refusal = socket.ask(&frame).await;
        assert_eq!(
            (&refusal["code"], &refusal["field"]),
            (&json!("invalid_field"), &json!(field)),
            "{frame}"
        );
        assert_eq!(refusal["client_id"], "c1");
    }
    for (user, conversation) in [
        (&stranger, group.id.as_str()),
        (&group.owner, NOTHING),
        (&group.owner, &group.member.id),
    ] {
        let mut socket = connected(&group.server, user).await;
        let mut frame = said(conversation, "x");
        frame["client_id"] = json!("c1");
        let refusal = socket.ask(&frame).await;
        assert_eq!(
            (&refusal["code"], &refusal["client_id"]),
            (&json!("unknown_conversation"), &json!("c1"))
        );
    }
    assert_eq!(group.seen_by(&group.owner).await, []);
}

#[tokio::test]
async fn edits_and_deletions_reach_everyone_in_the_group() {
    let group = Group::start().await;
    let sent = group.say(&group.member, "Hello").await;
    let mut sockets = Vec::new();
    for user in [&group.owner, &group.admin, &group.member, &group.member] {
        sockets.push(connected(&group.server, user).await);
    }
    let path = format!("/messages/{}", sent["id"].as_str().unwrap());
    let edited = group
        .member
        .call(&group.server, "PATCH", &path, json!({"content": "Hi"}))
        .await
        .ok();
    assert_eq!(
        (&edited["receiver_id"], &edited["sender_id"]),
        (&Value::Null, &json!(group.member.id))
    );
    for socket in &mut sockets {
        let frame = socket.next().await;
        assert_eq!(
            (&frame["type"], &frame["content"], &frame["seq"]),
            (&json!("message_edited"), &json!("Hi"), &json!(1))
        );
    }
    // Nobody else may, whatever their role.
    for user in [&group.owner, &group.admin] {
        user.call(&group.server, "PATCH", &path, json!({"content": "x"}))
            .await
            .problem(403, "forbidden");
        user.call(&group.server, "DELETE", &path, Value::Null)
            .await
            .problem(403, "forbidden");
    }
    group
        .member
        .call(&group.server, "DELETE", &path, Value::Null)
        .await
        .ok();
    for socket in &mut sockets {
        assert_eq!(socket.next().await["type"], "message_deleted");
    }
}

#[tokio::test]
async fn a_message_waits_for_the_members_who_are_away() {
    let group = Group::start().await;
    let sent = group.say(&group.owner, "Hello").await;
    for user in [&group.admin, &group.member] {
        let mut socket = group.server.open(user).await;
        assert_eq!(socket.next().await, sent);
        assert_eq!(socket.next().await, json!({"type": "sync_complete", "has_more": false}));
    }
}

#[tokio::test]
async fn a_group_of_256_gets_its_messages() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let mut ids = server.crowd("guest", 254).await;
    ids.push(bob.id.clone());
    let made = ada
        .call(
            &server,
            "POST",
            "/conversations",
            json!({"name": "All", "user_ids": ids}),
        )
        .await
        .json();
    let id = made["id"].as_str().unwrap();
    let (mut of_ada, mut of_bob) = (connected(&server, &ada).await, connected(&server, &bob).await);
    for n in 1..=20 {
        let sent = of_ada.say_in(id, &format!("{n}")).await;
        assert_eq!(sent["seq"], n);
        assert_eq!(of_bob.next().await, sent);
    }
    assert_eq!(bob.listed(&server, id).await["unread_count"], 20);
}
