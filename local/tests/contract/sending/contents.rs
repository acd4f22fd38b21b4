//! What a message says arrives as it was written.

use serde_json::json;

use crate::support::TestServer;

#[tokio::test]
async fn content_arrives_as_it_was_written() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    let contents = [
        "  leading and trailing  ",
        "\t\r\nlines\r\n\u{2028}\u{2029}\u{85}\n",
        "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏿 \u{1f1e9}\u{1f1ea}",
        "שלום עולם \u{202e}rtl override\u{202c} مرحبا",
        "e\u{301} é \u{fb01} Å Å \u{1100}\u{1161}\u{11a8}",
        "\u{200b}",
        "\u{feff}bom",
        "\u{1}\u{8}\u{b}\u{1f}\u{7f}\u{9f}",
        "\u{fffd}\u{ffff}\u{10ffff}\u{e000}",
        "\\u0000 \\0 \\ / \" ' ; drop table messages; -- $1 %s {}",
        "<script>alert(1)</script>&amp;",
        r#"{"type":"ping"}"#,
    ];
    for content in contents {
        let sent = from.say(&bob, content).await;
        assert_eq!(sent["content"], content);
        assert_eq!(to.next().await["content"], content);
    }
    assert_eq!(bob.history(&server, &alice).await, contents);
}

#[tokio::test]
async fn content_of_4096_code_points_of_any_width_passes_and_one_more_does_not() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    for character in ["x", "é", "語", "😀"] {
        let longest = character.repeat(4096);
        from.say(&bob, &longest).await;
        assert_eq!(to.next().await["content"], longest);

        let frame = json!({"type": "direct_message", "to": bob.id, "content": format!("{longest}{character}")});
        from.send(&frame).await;
        let refusal = from.next().await;
        assert_eq!(
            (&refusal["code"], &refusal["field"]),
            (&json!("invalid_field"), &json!("content"))
        );
    }
    from.say(&bob, "x").await;
    assert_eq!(to.next().await["content"], "x");
    to.expect_nothing().await;
}

#[tokio::test]
async fn a_surrogate_pair_is_a_character_and_half_of_one_is_no_json() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    let frame = |content: &str| format!(r#"{{"type":"direct_message","to":"{}","content":"{content}"}}"#, bob.id);
    for half in [r"\ud83d", r"\ude00", r"\ude00\ud83d", r"a\ud83db", r"\ud83d\u0041"] {
        from.send_text(&frame(half)).await;
        assert_eq!(from.next().await["code"], "invalid_json", "{half}");
    }
    from.send_text(&frame(r"\ud83d\ude00 \u00e9\n\/")).await;
    assert_eq!(from.next().await["content"], "😀 é\n/");
    assert_eq!(to.next().await["content"], "😀 é\n/");
}
