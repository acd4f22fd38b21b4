//! `reply_to`: an answer to a message of the same conversation that its sender sees.

use serde_json::{Value, json};

use super::{Group, NOTHING};
use crate::support::{Socket, said};

async fn reply(socket: &mut Socket, conversation: &str, to: &Value) -> Value {
    let mut frame = said(conversation, "a reply");
    frame["reply_to"] = to.clone();
    socket.ask(&frame).await
}

#[tokio::test]
async fn a_reply_names_its_message_to_everyone() {
    let group = Group::start().await;
    let first = group.say(&group.owner, "Who comes?").await;
    let (mut of_member, mut of_owner) = (
        group.server.open(&group.member).await,
        group.server.open(&group.owner).await,
    );
    of_member.next_of("sync_complete").await;
    of_owner.next_of("sync_complete").await;
    let sent = reply(&mut of_member, &group.id, &first["id"]).await;
    assert_eq!((&sent["type"], &sent["reply_to"]), (&json!("message"), &first["id"]));
    assert_eq!(of_owner.next().await, sent);
    let upper = json!(first["id"].as_str().unwrap().to_uppercase());
    assert_eq!(reply(&mut of_member, &group.id, &upper).await["reply_to"], first["id"]);
    // The reply stays one when what it answers goes.
    group.owner.delete(&group.server, &first).await;
    let messages = group.admin.messages(&group.server, &group.id).await;
    assert_eq!(messages[1]["reply_to"], first["id"]);
}

#[tokio::test]
async fn a_reply_in_a_direct_conversation_is_a_direct_message_with_reply_to() {
    let group = Group::start().await;
    let direct = group.owner.open_direct(&group.server, &group.member).await;
    let mut socket = group.server.connect(&group.owner).await;
    let first = socket.say(&group.member, "Hello").await;
    let sent = reply(&mut socket, &direct, &first["id"]).await;
    assert_eq!(
        (&sent["type"], &sent["reply_to"]),
        (&json!("direct_message"), &first["id"])
    );
    // A member that the frame does not have is ignored.
    let frame = json!({"type": "direct_message", "to": group.member.id, "content": "x", "reply_to": first["id"]});
    assert_eq!(socket.ask(&frame).await.get("reply_to"), None);
}

#[tokio::test]
async fn what_is_elsewhere_unknown_or_deleted_can_not_be_replied_to() {
    let group = Group::start().await;
    let mut socket = group.server.connect(&group.owner).await;
    let elsewhere = socket.say(&group.member, "in private").await;
    let other_group = group.owner.make_group(&group.server, "Others", &[]).await;
    let in_other_group = socket.say_in(&other_group, "to others").await;
    let deleted = socket.say_in(&group.id, "deleted").await;
    group.owner.delete(&group.server, &deleted).await;
    socket.next_of("message_deleted").await;
    for to in [&elsewhere["id"], &in_other_group["id"], &deleted["id"], &json!(NOTHING)] {
        let refusal = reply(&mut socket, &group.id, to).await;
        assert_eq!(
            (&refusal["type"], &refusal["code"]),
            (&json!("error"), &json!("unknown_message"))
        );
    }
    assert_eq!(group.seen_by(&group.admin).await.len(), 1);
}

#[tokio::test]
async fn a_newcomer_can_not_reply_to_what_was_before() {
    let group = Group::start().await;
    let before = group.say(&group.owner, "before").await;
    let newcomer = group.server.user("newcomer").await;
    group.add(&newcomer).await;
    let mut socket = group.server.connect(&newcomer).await;
    assert_eq!(
        reply(&mut socket, &group.id, &before["id"]).await["code"],
        "unknown_message"
    );
}

#[tokio::test]
async fn a_reply_can_be_repeated_even_when_what_it_answers_is_gone() {
    let group = Group::start().await;
    let first = group.say(&group.owner, "Who comes?").await;
    let mut socket = group.server.open(&group.member).await;
    socket.next_of("sync_complete").await;
    let mut frame = said(&group.id, "I do");
    frame["reply_to"] = first["id"].clone();
    frame["client_id"] = json!("c1");
    let sent = socket.ask(&frame).await;
    group.owner.delete(&group.server, &first).await;
    socket.next_of("message_deleted").await;
    assert_eq!(socket.ask(&frame).await, sent);
    frame.as_object_mut().unwrap().remove("reply_to");
    assert_eq!(socket.ask(&frame).await["code"], "client_id_conflict");
}
