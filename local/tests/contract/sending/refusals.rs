//! Frames that are refused: each is answered, stores nothing, and leaves the socket open.

use serde_json::{Value, json};

use crate::support::{Socket, TestServer, User, named_message};

/// Sends a text and returns the refusal, which must be of the contract's form.
async fn refusal(socket: &mut Socket, text: &str) -> Value {
    socket.send_text(text).await;
    let refusal = socket.next().await;
    assert_eq!(refusal["type"], "error", "{text:.100}: {refusal}");
    assert!(!refusal["message"].as_str().unwrap().is_empty(), "{refusal}");
    let known = ["type", "code", "message", "field", "client_id", "retry_after_ms"];
    let members = refusal.as_object().unwrap();
    assert!(
        members.keys().all(|member| known.contains(&member.as_str())),
        "{refusal}"
    );
    refusal
}

/// Asserts that the socket still works, and that nothing of what it sent was stored or reached `to`.
async fn expect_no_harm(server: &TestServer, from: &mut Socket, to: (&User, &mut Socket), sender: &User) {
    from.expect_nothing().await;
    to.1.expect_nothing().await;
    assert!(sender.history(server, to.0).await.is_empty());
    let first = from.say(to.0, "and it still works").await;
    assert_eq!(first["seq"], 1, "refused messages take no number");
    assert_eq!(to.1.next().await["content"], "and it still works");
}

#[tokio::test]
async fn what_is_no_json_object_is_invalid_json() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    let valid = named_message(&bob, "x", "c1").to_string();
    let deep = "[".repeat(10_000);
    let deep_member = format!(r#"{{"type":"ping","x":{}1{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    for text in [
        "",
        " ",
        "hello",
        "{",
        "[]",
        "null",
        "true",
        "7",
        "\"ping\"",
        "{'type':'ping'}",
        "{\"type\":\"ping\"",
        "{\"type\":\"ping\",}",
        "{\"type\":\"ping\"}{\"type\":\"ping\"}",
        "\u{feff}{\"type\":\"ping\"}",
        "{\"type\":\"ping\",\"x\":\"\u{1}\"}",
        &valid[1..],
        &valid[..valid.len() - 1],
        &format!("[{valid}]"),
        &deep,
        &deep_member,
    ] {
        let refusal = refusal(&mut from, text).await;
        assert_eq!(refusal["code"], "invalid_json", "{text:.100}");
        assert!(refusal.get("client_id").is_none(), "{text:.100}");
    }
    expect_no_harm(&server, &mut from, (&bob, &mut to), &alice).await;
}

#[tokio::test]
async fn a_type_that_is_missing_or_nobodys_is_an_unknown_type() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    let types = [
        json!(null),
        json!(7),
        json!(["direct_message"]),
        json!({"type": "direct_message"}),
        json!(""),
        json!("PING"),
        json!(" ping"),
        json!("Direct_Message"),
        json!("pong"),
        json!("error"),
        json!("sync_complete"),
        // What the gateway itself calls is not for clients.
        json!("$connect"),
        json!("$disconnect"),
        json!("$default"),
        json!("x".repeat(10_000)),
    ];
    for kind in types {
        let mut frame = named_message(&bob, "x", "c1");
        frame["type"] = kind;
        let refusal = refusal(&mut from, &frame.to_string()).await;
        assert_eq!(
            (&refusal["code"], &refusal["client_id"]),
            (&json!("unknown_type"), &json!("c1"))
        );
    }
    let refusal = refusal(&mut from, "{}").await;
    assert_eq!(refusal["code"], "unknown_type");
    expect_no_harm(&server, &mut from, (&bob, &mut to), &alice).await;
}

#[tokio::test]
async fn a_field_that_breaks_its_rule_is_named() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    let hyphenless = json!(bob.id.replace('-', ""));
    let (braced, urn) = (json!(format!("{{{}}}", bob.id)), json!(format!("urn:uuid:{}", bob.id)));
    let padded = json!(format!(" {}", bob.id));
    let cases = [
        (
            "to",
            vec![
                json!(null),
                json!(""),
                json!("not-a-uuid"),
                json!(7),
                json!([bob.id]),
                json!({"id": bob.id}),
            ],
        ),
        ("to", vec![json!(bob.username), hyphenless, braced, urn, padded]),
        ("to", vec![json!(alice.id), json!(alice.id.to_uppercase())]),
        (
            "content",
            vec![json!(null), json!(7), json!(["x"]), json!({"text": "x"}), json!(false)],
        ),
        (
            "content",
            vec![
                json!(""),
                json!(" "),
                json!("\t\r\n"),
                json!("\u{a0}\u{2003}\u{3000}\u{85}"),
            ],
        ),
        (
            "content",
            vec![
                json!("a\0b"),
                json!("\0"),
                json!("x".repeat(4097)),
                json!(" ".repeat(4097)),
            ],
        ),
        (
            "client_id",
            vec![json!(""), json!("a\0"), json!("x".repeat(65)), json!("😀".repeat(65))],
        ),
    ];
    for (field, values) in cases {
        for value in values {
            let mut frame = named_message(&bob, "x", "c1");
            frame[field] = value;
            let refusal = refusal(&mut from, &frame.to_string()).await;
            assert_eq!(
                (&refusal["code"], &refusal["field"], &refusal["client_id"]),
                (&json!("invalid_field"), &json!(field), &frame["client_id"]),
                "{frame:.200}"
            );
        }
    }
    for field in ["to", "content"] {
        let mut frame = named_message(&bob, "x", "c1");
        frame.as_object_mut().unwrap().remove(field);
        let refusal = refusal(&mut from, &frame.to_string()).await;
        assert_eq!(
            (&refusal["code"], &refusal["field"]),
            (&json!("invalid_field"), &json!(field))
        );
    }
    for client_id in [json!(7), json!(["c1"]), json!({})] {
        let mut frame = named_message(&bob, "x", "c1");
        frame["client_id"] = client_id;
        let refusal = refusal(&mut from, &frame.to_string()).await;
        assert_eq!(
            (&refusal["code"], &refusal["field"]),
            (&json!("invalid_field"), &json!("client_id"))
        );
        assert!(refusal.get("client_id").is_none(), "{refusal}");
    }
    expect_no_harm(&server, &mut from, (&bob, &mut to), &alice).await;
}

#[tokio::test]
async fn a_message_to_nobody_is_an_unknown_user() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    for id in [
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ] {
        let frame = json!({"type": "direct_message", "to": id, "content": "x", "client_id": "c1"});
        let refusal = refusal(&mut from, &frame.to_string()).await;
        assert_eq!(
            (&refusal["code"], &refusal["client_id"]),
            (&json!("unknown_user"), &json!("c1"))
        );
    }
    let rows = server
        .sql()
        .await
        .query("select from conversations", &[])
        .await
        .unwrap();
    assert!(rows.is_empty(), "a conversation with nobody");
    // Nothing was stored under it: the client_id is free.
    from.send(&named_message(&bob, "x", "c1")).await;
    assert_eq!(from.next().await["seq"], 1);
    assert_eq!(to.next().await["content"], "x");
}

#[tokio::test]
async fn a_refusal_goes_to_the_asking_connection_only() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let (mut asking, mut other) = (server.connect(&alice).await, server.connect(&alice).await);
    refusal(&mut asking, "hello").await;
    refusal(
        &mut asking,
        &json!({"type": "direct_message", "to": alice.id, "content": "x"}).to_string(),
    )
    .await;
    other.expect_nothing().await;
}
