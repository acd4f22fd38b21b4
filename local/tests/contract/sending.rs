//! A message from one user to another: its shape, who gets it, in which order, and that it arrives as it was written.

mod contents;
mod rate_limit;
mod refusals;
mod together;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{TestServer, direct_message, named_message, receivers_copy, strings};

/// A member that is an id as answers have them.
fn id_of(frame: &Value, member: &str) -> Uuid {
    let text = frame[member].as_str().unwrap();
    let id = Uuid::parse_str(text).unwrap();
    assert_eq!(id.hyphenated().to_string(), text, "{frame}");
    id
}

#[tokio::test]
async fn a_message_has_exactly_the_members_of_the_contract() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    let earliest = now(&server).await;
    from.send(&named_message(&bob, "Hello", "c1")).await;
    let sent = from.next().await;
    let latest = now(&server).await;

    let created_at = sent["created_at"].as_str().unwrap();
    let time: DateTime<Utc> = created_at.parse().unwrap();
    assert!((earliest..=latest).contains(&time), "{earliest} {created_at} {latest}");
    assert_eq!(created_at.len(), "2024-01-15T10:00:00.000001Z".len(), "{created_at}");
    assert!(created_at.ends_with('Z'), "{created_at}");
    assert_eq!(id_of(&sent, "id").get_version_num(), 7);
    assert_eq!(id_of(&sent, "conversation_id").get_version_num(), 7);
    let expected = json!({
        "type": "direct_message",
        "id": sent["id"],
        "from": alice.id,
        "to": bob.id,
        "content": "Hello",
        "timestamp": time.timestamp(),
        "sender_username": alice.username,
        "conversation_id": sent["conversation_id"],
        "seq": 1,
        "version": 1,
        "created_at": created_at,
        "client_id": "c1",
    });
    assert_eq!(sent, expected);
    assert_eq!(to.next().await, receivers_copy(&expected));
}

/// The database's clock, by which messages are stamped.
async fn now(server: &TestServer) -> DateTime<Utc> {
    let row = server.sql().await.query_one("select clock_timestamp()", &[]).await;
    row.unwrap().get(0)
}

#[tokio::test]
async fn without_a_client_id_no_copy_has_one() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    for frame in [
        direct_message(&bob, "none"),
        json!({"type": "direct_message", "to": bob.id, "content": "null", "client_id": null}),
    ] {
        from.send(&frame).await;
        let sent = from.next().await;
        assert_eq!(sent["content"], frame["content"]);
        assert!(sent.get("client_id").is_none(), "{sent}");
        assert_eq!(to.next().await, sent);
    }
}

#[tokio::test]
async fn every_connection_of_both_users_gets_a_message_once() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let carol = server.user("carol").await;
    let (mut phone, mut laptop) = (server.connect(&alice).await, server.connect(&alice).await);
    let (mut tablet, mut desktop) = (server.connect(&bob).await, server.connect(&bob).await);
    let mut stranger = server.connect(&carol).await;

    phone.send(&named_message(&bob, "from the phone", "c1")).await;
    let sent = phone.next().await;
    assert_eq!(sent["client_id"], "c1");
    assert_eq!(laptop.next().await, sent);
    assert_eq!(tablet.next().await, receivers_copy(&sent));
    assert_eq!(desktop.next().await, receivers_copy(&sent));

    desktop.send(&named_message(&alice, "from the desktop", "c1")).await;
    let answer = desktop.next().await;
    assert_eq!(answer["seq"], 2);
    assert_eq!(answer["conversation_id"], sent["conversation_id"]);
    assert_eq!(tablet.next().await, answer);
    assert_eq!(phone.next().await, receivers_copy(&answer));
    assert_eq!(laptop.next().await, receivers_copy(&answer));
    for socket in [&mut phone, &mut laptop, &mut tablet, &mut desktop, &mut stranger] {
        socket.expect_nothing().await;
    }
}

#[tokio::test]
async fn the_receivers_id_may_come_in_any_case() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    let mixed: String = bob
        .id
        .char_indices()
        .map(|(index, c)| if index % 2 == 0 { c.to_ascii_uppercase() } else { c })
        .collect();
    for id in [bob.id.to_uppercase(), mixed] {
        from.send(&json!({"type": "direct_message", "to": id, "content": "x"}))
            .await;
        assert_eq!(from.next().await["to"], bob.id);
        assert_eq!(to.next().await["to"], bob.id);
    }
}

#[tokio::test]
async fn members_that_nobody_knows_are_ignored() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut from = server.connect(&alice).await;
    let mut frame = direct_message(&bob, "x");
    frame["from"] = json!(bob.id);
    frame["seq"] = json!(7);
    frame["extension"] = json!({"deep": [1, null]});
    from.send(&frame).await;
    let sent = from.next().await;
    assert_eq!((&sent["from"], &sent["seq"]), (&json!(alice.id), &json!(1)));
    assert!(sent.get("extension").is_none(), "{sent}");
}

#[tokio::test]
async fn frames_of_one_connection_are_handled_in_order() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    let contents = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    for content in contents {
        from.send(&direct_message(&bob, content)).await;
        from.send(&json!({"type": content})).await;
    }
    for (content, answers) in contents.iter().zip(from.take(20).await.chunks(2)) {
        assert_eq!(answers[0]["content"], *content);
        assert_eq!(answers[1]["code"], "unknown_type");
    }
    let received = to.take(10).await;
    assert_eq!(strings(&received, "content"), contents);
    let seqs: Vec<_> = received.iter().map(|frame| frame["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs, (1..=10).collect::<Vec<_>>());
    let times = strings(&received, "created_at");
    assert!(times.is_sorted(), "{times:?}");
}

#[tokio::test]
async fn each_pair_of_users_has_a_conversation_of_its_own() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let carol = server.user("carol").await;
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    let with_bob = from.say(&bob, "x").await;
    let with_carol = from.say(&carol, "x").await;
    to.next().await;
    to.send(&direct_message(&carol, "x")).await;
    let without_alice = to.next().await;
    let mut conversations = [&with_bob, &with_carol, &without_alice].map(|frame| {
        assert_eq!(frame["seq"], 1, "{frame}");
        id_of(frame, "conversation_id")
    });
    conversations.sort();
    assert!(conversations[0] != conversations[1] && conversations[1] != conversations[2]);
    from.expect_nothing().await;
}

#[tokio::test]
async fn a_ping_is_answered() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let (mut socket, mut other) = (server.connect(&alice).await, server.connect(&alice).await);
    for ping in [
        json!({"type": "ping"}),
        json!({"type": "ping", "client_id": 7, "x": "y"}),
    ] {
        socket.send(&ping).await;
        assert_eq!(socket.next().await, json!({"type": "pong"}));
    }
    other.expect_nothing().await;
}
