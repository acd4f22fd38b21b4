//! What counts as the same send, and what as another.

use std::collections::BTreeSet;

use serde_json::json;

use super::{sockets, stored};
use crate::support::{TestServer, named_message, receivers_copy};

#[tokio::test]
async fn another_content_or_receiver_is_a_conflict_and_stores_nothing() {
    let server = TestServer::start().await;
    let (_, bob, [mut phone, mut laptop, mut to]) = sockets(&server).await;
    let carol = server.user("carol").await;
    let mut third = server.connect(&carol).await;
    let first = phone.ask(&named_message(&bob, "é", "c1")).await;
    laptop.next().await;
    to.next().await;
    for frame in [
        named_message(&bob, "another", "c1"),
        named_message(&bob, "é ", "c1"),
        named_message(&bob, "É", "c1"),
        named_message(&bob, "e\u{301}", "c1"),
        named_message(&carol, "é", "c1"),
        named_message(&carol, "another", "c1"),
    ] {
        let refusal = phone.ask(&frame).await;
        assert_eq!(
            (&refusal["type"], &refusal["code"], &refusal["client_id"]),
            (&json!("error"), &json!("client_id_conflict"), &json!("c1")),
            "{frame}"
        );
    }
    for socket in [&mut phone, &mut laptop, &mut to, &mut third] {
        socket.expect_nothing().await;
    }
    assert_eq!(stored(&server).await, 1);
    assert_eq!(phone.ask(&named_message(&bob, "é", "c1")).await, first);
    let next = phone.ask(&named_message(&bob, "next", "c2")).await;
    assert_eq!(next["seq"], 2, "a conflict leaves no hole");
}

#[tokio::test]
async fn the_same_client_id_of_two_senders_names_two_messages() {
    let server = TestServer::start().await;
    let (alice, bob, [mut phone, mut laptop, mut to]) = sockets(&server).await;
    let hers = phone.ask(&named_message(&bob, "same", "c1")).await;
    assert_eq!(laptop.next().await, hers);
    assert_eq!(to.next().await, receivers_copy(&hers));
    let his = to.ask(&named_message(&alice, "same", "c1")).await;
    assert_ne!(his["id"], hers["id"]);
    assert_eq!((&his["seq"], &his["client_id"]), (&json!(2), &json!("c1")));
    assert_eq!(phone.next().await, receivers_copy(&his));
    assert_eq!(phone.ask(&named_message(&bob, "same", "c1")).await, hers);
    assert_eq!(stored(&server).await, 2);
}

#[tokio::test]
async fn client_ids_are_told_apart_by_every_character_up_to_the_64th() {
    let server = TestServer::start().await;
    let (_, bob, [mut phone, _, _]) = sockets(&server).await;
    let long = |last: &str| format!("{}{last}", "x".repeat(63));
    let client_ids = [
        "a",
        "A",
        "a ",
        " a",
        " ",
        "é",
        "e\u{301}",
        "\\",
        "%",
        "'; --",
        &long("1"),
        &long("2"),
        &"😀".repeat(64),
        &"😀".repeat(63),
    ];
    let mut ids = BTreeSet::new();
    for client_id in client_ids {
        let frame = named_message(&bob, "same", client_id);
        let first = phone.ask(&frame).await;
        assert_eq!(first["client_id"], client_id);
        ids.insert(first["id"].to_string());
        assert_eq!(phone.ask(&frame).await, first);
    }
    assert_eq!(ids.len(), client_ids.len());
}

#[tokio::test]
async fn messages_without_a_client_id_are_never_taken_for_repeats() {
    let server = TestServer::start().await;
    let (_, bob, [mut phone, _, _]) = sockets(&server).await;
    let first = phone.say(&bob, "same").await;
    let second = phone.say(&bob, "same").await;
    assert_ne!(first["id"], second["id"]);
    assert_eq!(second["seq"], 2);
}
