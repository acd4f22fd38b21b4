//! Frames made by chance: each is answered, and the socket stays open.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use crate::support::{Socket, TestServer};

/// Any JSON, nested a little.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A frame with one of its members replaced by anything.
fn with_another_member(valid: Value) -> impl Strategy<Value = String> {
    let members: Vec<String> = valid.as_object().unwrap().keys().cloned().collect();
    (prop::sample::select(members), any_json()).prop_map(move |(member, value)| {
        let mut frame = valid.clone();
        frame[member] = value;
        frame.to_string()
    })
}

/// A text with a few characters replaced, added or taken away.
fn mutated(valid: String) -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), any::<Option<char>>(), any::<bool>());
    prop::collection::vec(change, 1..4).prop_map(move |changes| {
        let mut characters: Vec<char> = valid.chars().collect();
        for (position, character, replaces) in changes {
            let position = position.index(characters.len());
            if replaces {
                characters.remove(position);
            }
            characters.splice(position..position, character);
        }
        characters.into_iter().collect()
    })
}

/// Sends the text and asserts that there is one answer to it, and that it is one of the contract's.
async fn expect_one_answer(socket: &mut Socket, text: &str) {
    socket.send_text(text).await;
    let answers = socket.catch_up().await;
    let [answer] = answers.as_slice() else {
        panic!("{} answers to {text:?}: {answers:?}", answers.len());
    };
    match answer["type"].as_str() {
        Some("direct_message") => assert!(answer["id"].is_string(), "{text:?}: {answer}"),
        Some("error") => {
            let codes = [
                "invalid_json",
                "unknown_type",
                "invalid_field",
                "unknown_user",
                "rate_limited",
                "client_id_conflict",
            ];
            assert!(codes.contains(&answer["code"].as_str().unwrap()), "{text:?}: {answer}");
        }
        Some("pong") => {}
        _ => panic!("{text:?}: {answer}"),
    }
}

#[tokio::test]
async fn whatever_text_a_client_sends_is_answered_and_the_socket_stays_open() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut socket = server.connect(&alice).await;
    let (mut hers, mut his) = (server.connect(&alice).await, server.connect(&bob).await);
    let valid = json!({"type": "direct_message", "to": bob.id, "content": "Hello", "client_id": "c1"});
    let texts = prop_oneof![
        any::<String>(),
        any_json().prop_map(|json| json.to_string()),
        with_another_member(valid.clone()),
        mutated(valid.to_string()),
    ];
    let mut runner = TestRunner::deterministic();
    for _ in 0..150 {
        let text = texts.new_tree(&mut runner).unwrap().current();
        expect_one_answer(&mut socket, &text).await;
    }
    // The others saw messages at most, and are there.
    for other in [&mut hers, &mut his] {
        let frames = other.catch_up().await;
        assert!(
            frames.iter().all(|frame| frame["type"] == "direct_message"),
            "{frames:?}"
        );
    }
    let last = socket.say(&bob, "still here").await;
    assert_eq!(his.next().await, last);
    assert_eq!(hers.next().await, last);
}
