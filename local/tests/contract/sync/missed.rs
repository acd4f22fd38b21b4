//! Exactly what was missed, each thing as what it is.

use serde_json::{Value, json};

use super::{device, sync, wait_until_delivered};
use crate::support::{TestServer, named_message, receivers_copy, strings};

#[tokio::test]
async fn who_knows_nothing_gets_everything_as_it_now_is() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, _to) = (device(&server, &alice).await, device(&server, &bob).await);
    let mut sent = Vec::new();
    for content in ["first", "edited", "deleted"] {
        sent.push(from.say(&bob, content).await);
    }
    let conversation = sent[0]["conversation_id"].as_str().unwrap();
    wait_until_delivered(&server, &bob, 3).await;
    alice.edit(&server, &sent[1], "edited since").await;
    alice.delete(&server, &sent[2]).await;
    let mut to = device(&server, &bob).await;
    let synced = sync(&mut to, &json!({})).await;

    let messages = synced.of("direct_message");
    assert_eq!(*messages[0], receivers_copy(&sent[0]));
    assert_eq!(
        (&messages[1]["id"], &messages[1]["content"]),
        (&sent[1]["id"], &json!("edited since"))
    );
    let deleted = synced.of("message_deleted");
    assert_eq!((&deleted[0]["id"], &deleted[0]["seq"]), (&sent[2]["id"], &json!(3)));
    assert!(
        !synced.frames.iter().any(|frame| frame["content"] == "deleted"),
        "its content is never served again"
    );
    assert_eq!(
        synced.of("message_edited"),
        Vec::<&Value>::new(),
        "it never knew another content"
    );
    let marks = synced.of("delivered");
    assert!(
        marks.contains(&&json!({"type": "delivered", "conversation_id": conversation, "user_id": bob.id, "seq": 3}))
    );
    let listed = bob.listed(&server, conversation).await;
    assert_eq!(
        (synced.has_more, &synced.versions),
        (false, &json!({conversation: listed["version"]}))
    );
    let again = sync(&mut to, &synced.versions).await;
    assert_eq!((again.frames, again.versions), (Vec::new(), synced.versions));
}

#[tokio::test]
async fn who_knows_a_version_gets_what_changed_since_in_the_order_of_the_changes() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (device(&server, &alice).await, device(&server, &bob).await);
    let mut sent = Vec::new();
    for content in ["edited", "deleted", "left alone"] {
        sent.push(from.say(&bob, content).await);
    }
    wait_until_delivered(&server, &bob, 3).await;
    wait_until_delivered(&server, &alice, 3).await;
    let known = sync(&mut to, &json!({})).await;
    to.close().await;

    alice.edit(&server, &sent[0], "edited since").await;
    alice.delete(&server, &sent[1]).await;
    from.take(2).await;
    let new = from.say(&bob, "new").await;
    let conversation = new["conversation_id"].as_str().unwrap();
    alice.read(&server, conversation, Some(2)).await.ok();
    let mut to = device(&server, &bob).await;
    wait_until_delivered(&server, &bob, 4).await;
    wait_until_delivered(&server, &alice, 4).await;
    let synced = sync(&mut to, &known.versions).await;
    let messages: Vec<_> = synced
        .frames
        .iter()
        .filter(|frame| frame["id"].is_string())
        .cloned()
        .collect();
    assert_eq!(
        strings(&messages, "type"),
        ["message_edited", "message_deleted", "direct_message"]
    );
    assert_eq!(
        (&messages[0]["id"], &messages[0]["content"]),
        (&sent[0]["id"], &json!("edited since"))
    );
    assert_eq!(messages[1]["id"], sent[1]["id"]);
    assert_eq!(messages[2], receivers_copy(&new));
    let read = json!({"type": "conversation_read", "reader_id": alice.id, "user_id": alice.id, "conversation_id": conversation, "seq": 2});
    assert_eq!(synced.of("conversation_read"), [&read]);
    let delivered = synced.of("delivered");
    assert!(
        delivered
            .iter()
            .any(|mark| mark["user_id"] == bob.id && mark["seq"] == 4),
        "{delivered:?}"
    );
}

#[tokio::test]
async fn ones_own_messages_come_with_their_client_ids_and_others_do_not() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut of_alice, mut of_bob) = (device(&server, &alice).await, device(&server, &bob).await);
    let mine = of_alice.ask(&named_message(&bob, "mine", "c1")).await;
    of_bob.next_of("direct_message").await;
    of_bob.ask(&named_message(&alice, "theirs", "c2")).await;
    of_alice.next_of("direct_message").await;
    let synced = sync(&mut device(&server, &alice).await, &json!({})).await;
    let messages = synced.of("direct_message");
    assert_eq!(*messages[0], mine);
    assert_eq!(
        (&messages[1]["content"], messages[1].get("client_id")),
        (&json!("theirs"), None)
    );
}

#[tokio::test]
async fn a_conversation_that_it_never_heard_of_comes_whole_beside_those_it_names() {
    let server = TestServer::start().await;
    let (alice, bob, carol) = (
        server.user("alice").await,
        server.user("bob").await,
        server.user("carol").await,
    );
    let mut of_bob = device(&server, &bob).await;
    let known = of_bob.say(&alice, "known").await;
    wait_until_delivered(&server, &bob, 1).await;
    let mut tablet = device(&server, &alice).await;
    wait_until_delivered(&server, &alice, 1).await;
    let before = sync(&mut tablet, &json!({})).await;
    let mut of_carol = device(&server, &carol).await;
    let new = of_carol.say(&alice, "from somebody new").await;
    tablet.next_of("direct_message").await;
    wait_until_delivered(&server, &carol, 1).await;
    let group = carol.make_group(&server, "new group", &[&alice, &bob]).await;
    server.functions_ended().await;
    let synced = sync(&mut tablet, &before.versions).await;
    assert_eq!(synced.of("direct_message"), [&new]);
    let members: Vec<_> = synced
        .of("member_added")
        .iter()
        .map(|frame| frame["user_id"].clone())
        .collect();
    assert_eq!(members.len(), 3);
    for member in [&alice, &bob, &carol] {
        assert!(members.contains(&json!(member.id)));
    }
    let named = synced.of("conversation_updated");
    assert_eq!(
        (&named[0]["name"], &named[0]["conversation_id"]),
        (&json!("new group"), &json!(group))
    );
    for conversation in [&known["conversation_id"], &new["conversation_id"], &json!(group)] {
        assert!(synced.versions.get(conversation.as_str().unwrap()).is_some());
    }
}

#[tokio::test]
async fn roles_names_and_removals_come_as_their_events() {
    let server = TestServer::start().await;
    let (alice, bob, carol) = (
        server.user("alice").await,
        server.user("bob").await,
        server.user("carol").await,
    );
    let group = alice.make_group(&server, "old name", &[&bob, &carol]).await;
    let mut device = device(&server, &bob).await;
    let known = sync(&mut device, &json!({})).await;
    alice.set_member(&server, &group, &bob, Some("admin")).await.ok();
    alice.remove_member(&server, &group, &carol).await.ok();
    let path = format!("/conversations/{group}");
    alice
        .call(&server, "PATCH", &path, json!({"name": "new name"}))
        .await
        .ok();
    let live = device.take(3).await;
    let synced = sync(&mut device, &known.versions).await;
    assert_eq!(
        strings(&synced.frames, "type"),
        ["member_added", "member_removed", "conversation_updated"]
    );
    // As they were told live, but that their roles and names are those of now.
    for (missed, live) in std::iter::zip(&synced.frames, &live) {
        assert_eq!(
            (&missed["version"], &missed["user_id"]),
            (&live["version"], &live["user_id"])
        );
    }
    assert_eq!(synced.frames[0]["role"], "admin");
    assert_eq!(synced.frames[2]["name"], "new name");
}

#[tokio::test]
async fn a_version_that_is_not_reached_yet_counts_as_the_present_one() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let conversation = alice.open_direct(&server, &bob).await;
    let synced = sync(&mut device(&server, &alice).await, &json!({&conversation: 1_000_000})).await;
    assert_eq!((synced.frames, synced.versions), (Vec::new(), json!({conversation: 0})));
}
