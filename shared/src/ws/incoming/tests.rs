use proptest::prelude::*;
use serde_json::json;

use super::*;

fn refusal(text: &str) -> Value {
    let frame = Incoming::parse(text).frame.unwrap_err();
    serde_json::from_slice(&frame).unwrap()
}

fn code(text: &str) -> String {
    refusal(text)["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_direct_message_is_read() {
    let to = UserId::generate();
    let text = json!({"type": "direct_message", "to": to, "content": " hi ", "client_id": "c1", "new": 1}).to_string();
    let incoming = Incoming::parse(&text);
    assert_eq!(incoming.client_id.as_deref(), Some("c1"));
    let Ok(Frame::Message {
        destination,
        content,
        client_id,
        ..
    }) = incoming.frame
    else {
        panic!("{incoming:?}");
    };
    assert_eq!((destination, content.as_str()), (Destination::User(to), " hi "));
    assert_eq!(client_id.unwrap().as_str(), "c1");
}

#[test]
fn what_is_no_json_object_is_invalid_json() {
    for text in [
        "",
        "hello",
        "{",
        "[]",
        "null",
        "7",
        "\"ping\"",
        "{\"type\":\"ping\"} x",
        &"[".repeat(10_000),
    ] {
        assert_eq!(code(text), "invalid_json", "{text:.40}");
    }
}

#[test]
fn a_type_that_is_missing_or_unknown_is_an_unknown_type() {
    for text in [
        "{}",
        r#"{"type":null}"#,
        r#"{"type":7}"#,
        r#"{"type":"dance"}"#,
        r#"{"type":"PING"}"#,
    ] {
        assert_eq!(code(text), "unknown_type", "{text}");
    }
}

#[test]
fn an_invalid_field_is_named_and_the_client_id_comes_back() {
    let to = UserId::generate();
    for (frame, field) in [
        (json!({"content": "x"}), "to"),
        (json!({"to": "not-a-uuid", "content": "x"}), "to"),
        (json!({"to": 7, "content": "x"}), "to"),
        (json!({"to": to}), "content"),
        (json!({"to": to, "content": ""}), "content"),
        (json!({"to": to, "content": {"a": 1}}), "content"),
        (json!({"to": to, "content": "a\0b"}), "content"),
    ] {
        let mut frame = frame;
        frame["type"] = json!("direct_message");
        frame["client_id"] = json!("c1");
        let refusal = refusal(&frame.to_string());
        assert_eq!(refusal["code"], "invalid_field", "{frame}");
        assert_eq!(refusal["field"], field, "{frame}");
        assert_eq!(refusal["client_id"], "c1", "{frame}");
    }
}

#[test]
fn a_client_id_outside_the_rule_is_an_invalid_field() {
    for client_id in [json!(""), json!("x".repeat(65)), json!(7), json!("a\0")] {
        let frame = json!({"type": "direct_message", "to": UserId::generate(), "content": "x", "client_id": client_id});
        let refusal = refusal(&frame.to_string());
        assert_eq!(
            (&refusal["code"], &refusal["field"]),
            (&json!("invalid_field"), &json!("client_id"))
        );
        if client_id.is_string() {
            assert_eq!(refusal["client_id"], client_id);
        }
    }
}

#[test]
fn a_message_to_a_conversation_is_read() {
    let (conversation, answered) = (ConversationId::generate(), MessageId::generate());
    let text = json!({"type": "message", "conversation_id": conversation, "content": "hi", "reply_to": answered});
    let Ok(Frame::Message {
        destination, reply_to, ..
    }) = Incoming::parse(&text.to_string()).frame
    else {
        panic!("{text}");
    };
    assert_eq!(
        (destination, reply_to),
        (Destination::Conversation(conversation), Some(answered))
    );
}

#[test]
fn a_read_goes_to_a_seq_or_to_the_end() {
    let conversation = ConversationId::generate();
    for (seq, expected) in [
        (json!(7), Some(7)),
        (json!(0), Some(0)),
        (json!(i64::MAX), Some(i64::MAX)),
        (Value::Null, None),
    ] {
        let text = json!({"type": "read", "conversation_id": conversation, "seq": seq}).to_string();
        let Ok(Frame::Read {
            conversation: read,
            seq,
        }) = Incoming::parse(&text).frame
        else {
            panic!("{text}");
        };
        assert_eq!((read, seq), (conversation, expected));
    }
}

#[test]
fn typing_goes_to_a_user_or_a_conversation_and_never_to_both() {
    let (user, conversation) = (UserId::generate(), ConversationId::generate());
    let typing = |members: Value| {
        let mut frame = members;
        frame["type"] = json!("typing");
        frame.to_string()
    };
    for (members, expected) in [
        (json!({"to": user, "active": true}), Destination::User(user)),
        (
            json!({"conversation_id": conversation, "active": true}),
            Destination::Conversation(conversation),
        ),
    ] {
        let Ok(Frame::Typing { destination, active }) = Incoming::parse(&typing(members)).frame else {
            panic!("{expected:?}");
        };
        assert_eq!((destination, active), (expected, true));
    }
    for (members, field) in [
        (
            json!({"to": user, "conversation_id": conversation, "active": true}),
            "to",
        ),
        (json!({"active": true}), "to"),
        (json!({"to": user}), "active"),
        (json!({"to": user, "active": "yes"}), "active"),
    ] {
        assert_eq!(refusal(&typing(members))["field"], field);
    }
}

#[test]
fn a_sync_names_up_to_500_conversations() {
    let sync = |count: usize| {
        let versions: serde_json::Map<_, _> = (0..count)
            .map(|n| (ConversationId::generate().to_string(), json!(n)))
            .collect();
        json!({"type": "sync", "versions": versions}).to_string()
    };
    for count in [0, 1, MAX_VERSIONS] {
        let Ok(Frame::Sync { versions }) = Incoming::parse(&sync(count)).frame else {
            panic!("{count}");
        };
        assert_eq!(versions.len(), count);
    }
    assert_eq!(refusal(&sync(MAX_VERSIONS + 1))["field"], "versions");
}

/// Values of any kind, and often such as a frame may have.
fn value() -> impl Strategy<Value = Value> {
    let id = any::<u128>().prop_map(|bits| json!(uuid::Uuid::from_u128(bits)));
    let versions = proptest::collection::btree_map("[0-9a-f-]{0,36}", any::<i64>(), 0..3);
    prop_oneof![
        3 => id,
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        2 => any::<String>().prop_map(Value::from),
        1 => versions.prop_map(|versions| json!(versions)),
        1 => Just(Value::Null),
    ]
}

proptest! {
    #[test]
    fn frames_of_each_type_with_any_members_are_read_or_answered(
        kind in proptest::sample::select(vec!["direct_message", "message", "read", "typing", "sync", "ping"]),
        members in proptest::collection::vec(value(), 8),
    ) {
        const NAMES: [&str; 8] = ["to", "conversation_id", "content", "reply_to", "client_id", "seq", "active", "versions"];
        let mut frame: serde_json::Map<_, _> = NAMES.map(str::to_owned).into_iter().zip(members).collect();
        frame.insert("type".to_owned(), json!(kind));
        if let Err(answer) = Incoming::parse(&Value::Object(frame).to_string()).frame {
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            prop_assert_eq!(&answer["code"], "invalid_field");
            prop_assert!(NAMES.contains(&answer["field"].as_str().unwrap()));
        }
    }

    #[test]
    fn any_text_is_read_or_answered(text in any::<String>()) {
        if let Err(frame) = Incoming::parse(&text).frame {
            prop_assert!(serde_json::from_slice::<Value>(&frame).is_ok());
        }
    }

    #[test]
    fn any_members_are_read_or_answered(to in any::<String>(), content in any::<String>(), client_id in any::<Option<String>>()) {
        let frame = json!({"type": "direct_message", "to": to, "content": content, "client_id": client_id});
        if let Err(frame) = Incoming::parse(&frame.to_string()).frame {
            let refusal: Value = serde_json::from_slice(&frame).unwrap();
            prop_assert_eq!(&refusal["code"], "invalid_field");
        }
    }
}
