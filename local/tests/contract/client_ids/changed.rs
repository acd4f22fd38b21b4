//! Repeats of a message that was edited or deleted since.

use serde_json::json;

use super::{sockets, stored};
use crate::support::{TestServer, named_message};

#[tokio::test]
async fn a_repeat_after_an_edit_is_answered_with_the_message_as_it_now_is() {
    let server = TestServer::start().await;
    let (alice, bob, [mut phone, mut laptop, mut to]) = sockets(&server).await;
    let frame = named_message(&bob, "befor", "c1");
    let first = phone.ask(&frame).await;
    alice.edit(&server, &first, "before").await;
    for socket in [&mut phone, &mut laptop, &mut to] {
        socket.catch_up().await;
    }

    let mut expected = first.clone();
    expected["content"] = json!("before");
    let answer = phone.ask(&frame).await;
    assert!(answer["version"].as_i64() > first["version"].as_i64(), "{answer}");
    expected["version"] = answer["version"].clone();
    assert_eq!(answer, expected);
    laptop.expect_nothing().await;
    to.expect_nothing().await;

    // What counts is what was first sent.
    let refusal = phone.ask(&named_message(&bob, "before", "c1")).await;
    assert_eq!(
        (&refusal["code"], &refusal["client_id"]),
        (&json!("client_id_conflict"), &json!("c1"))
    );
    to.expect_nothing().await;
    assert_eq!(stored(&server).await, 1);
}

#[tokio::test]
async fn a_repeat_after_a_deletion_is_answered_with_the_deletion() {
    let server = TestServer::start().await;
    let (alice, bob, [mut phone, mut laptop, mut to]) = sockets(&server).await;
    let frame = named_message(&bob, "a slip", "c1");
    let first = phone.ask(&frame).await;
    alice.delete(&server, &first).await;
    for socket in [&mut phone, &mut laptop, &mut to] {
        socket.catch_up().await;
    }

    let answer = phone.ask(&frame).await;
    assert!(answer["version"].as_i64() > first["version"].as_i64(), "{answer}");
    let expected = json!({
        "type": "message_deleted",
        "id": first["id"],
        "conversation_id": first["conversation_id"],
        "seq": 1,
        "version": answer["version"],
        "client_id": "c1",
    });
    assert_eq!(answer, expected);
    laptop.expect_nothing().await;
    to.expect_nothing().await;
    for other in ["another slip", "a slip "] {
        let refusal = phone.ask(&named_message(&bob, other, "c1")).await;
        assert_eq!(refusal["code"], "client_id_conflict");
    }
    assert!(alice.history(&server, &bob).await.is_empty());
    assert_eq!(stored(&server).await, 1);
}

#[tokio::test]
async fn a_repeat_of_a_deleted_message_is_not_pushed_to_a_receiver_who_lacked_it() {
    let server = TestServer::start().await;
    let (alice, bob, [mut phone, mut laptop, to]) = sockets(&server).await;
    to.close().await;
    let frame = named_message(&bob, "a slip", "c1");
    let first = phone.ask(&frame).await;
    alice.delete(&server, &first).await;
    phone.catch_up().await;
    laptop.catch_up().await;
    let mut to = server.connect(&bob).await;
    assert_eq!(phone.ask(&frame).await["type"], "message_deleted");
    to.expect_nothing().await;
}
