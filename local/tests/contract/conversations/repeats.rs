//! Repeated sends in conversations: one `client_id` stands for one message, whichever frame asks.

use serde_json::{Value, json};

use super::Group;
use super::sending::connected;
use crate::support::{TestServer, said};

#[tokio::test]
async fn a_repeat_is_the_same_message_whichever_frame_asks() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let id = ada.open_direct(&server, &bob).await;
    let mut socket = connected(&server, &ada).await;
    let by_user = json!({"type": "direct_message", "to": bob.id, "content": "Hello", "client_id": "c1"});
    let by_conversation = json!({"type": "message", "conversation_id": id, "content": "Hello", "client_id": "c1"});
    let sent = socket.ask(&by_user).await;
    assert_eq!(socket.ask(&by_conversation).await, sent);
    assert_eq!(socket.ask(&by_user).await, sent);
    let mut other = by_conversation.clone();
    other["client_id"] = json!("c2");
    let sent = socket.ask(&other).await;
    let mut again = by_user.clone();
    again["client_id"] = json!("c2");
    assert_eq!(socket.ask(&again).await, sent);
    assert_eq!(ada.messages(&server, &id).await.len(), 2);
}

#[tokio::test]
async fn a_repeat_in_a_group_is_answered_with_the_message_as_it_now_is() {
    let group = Group::start().await;
    let mut socket = connected(&group.server, &group.owner).await;
    let mut frame = said(&group.id, "Hello");
    frame["client_id"] = json!("c1");
    let sent = socket.ask(&frame).await;
    assert_eq!(socket.ask(&frame).await, sent);
    group.owner.edit(&group.server, &sent, "Hi").await;
    socket.next_of("message_edited").await;
    let edited = socket.ask(&frame).await;
    assert_eq!(
        (&edited["content"], &edited["id"], &edited["client_id"]),
        (&json!("Hi"), &sent["id"], &json!("c1"))
    );
    group.owner.delete(&group.server, &sent).await;
    socket.next_of("message_deleted").await;
    let deleted = socket.ask(&frame).await;
    assert_eq!(
        (&deleted["type"], &deleted["id"], &deleted["client_id"]),
        (&json!("message_deleted"), &sent["id"], &json!("c1"))
    );
}

#[tokio::test]
async fn another_place_content_or_reply_is_a_conflict() {
    let group = Group::start().await;
    let other_group = group.owner.make_group(&group.server, "Others", &[&group.member]).await;
    let direct = group.owner.open_direct(&group.server, &group.member).await;
    let mut socket = connected(&group.server, &group.owner).await;
    let first = socket.ask(&said(&group.id, "first")).await;
    let mut frame = said(&group.id, "Hello");
    frame["client_id"] = json!("c1");
    socket.ask(&frame).await;
    let changed = |member: &str, value: Value| {
        let mut other = frame.clone();
        other[member] = value;
        other
    };
    for other in [
        changed("conversation_id", json!(other_group)),
        changed("conversation_id", json!(direct)),
        changed("content", json!("Hello!")),
        changed("reply_to", first["id"].clone()),
        json!({"type": "direct_message", "to": group.member.id, "content": "Hello", "client_id": "c1"}),
    ] {
        socket.send(&other).await;
        let refusal = socket.next().await;
        assert_eq!(
            (&refusal["code"], &refusal["client_id"]),
            (&json!("client_id_conflict"), &json!("c1")),
            "{other}"
        );
    }
    // What was first sent to a user stands for that conversation only.
    let by_user = json!({"type": "direct_message", "to": group.member.id, "content": "Hello", "client_id": "c2"});
    socket.ask(&by_user).await;
    let mut elsewhere = said(&group.id, "Hello");
    elsewhere["client_id"] = json!("c2");
    assert_eq!(socket.ask(&elsewhere).await["code"], "client_id_conflict");
    assert_eq!(group.seen_by(&group.member).await.len(), 2);
}
