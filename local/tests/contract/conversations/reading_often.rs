//! Frames that read: 10 a second for each user over all connections, 100 at once.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::sending::connected;
use crate::support::{Socket, TestServer, most_tokens_since, wait_as_told};

/// More than any machine reads within the second in which ten tokens come back.
const MANY: u32 = 300;

async fn read(socket: &mut Socket, conversation: &str, seq: u32) {
    socket
        .send(&json!({"type": "read", "conversation_id": conversation, "seq": seq}))
        .await;
}

fn of_type<'a>(frames: &'a [Value], kind: &str) -> Vec<&'a Value> {
    frames.iter().filter(|frame| frame["type"] == kind).collect()
}

#[tokio::test]
async fn a_burst_over_all_connections_of_a_user_moves_a_hundred_marks_and_the_rest_is_refused() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    server.leave_messages(&bob, &ada, MANY).await;
    let id = ada.open_direct(&server, &bob).await;
    let (mut phone, mut tablet) = (connected(&server, &ada).await, connected(&server, &ada).await);
    let mut of_bob = connected(&server, &bob).await;

    let start = Instant::now();
    for seq in 1..=MANY {
        read(&mut phone, &id, seq).await;
    }
    let of_phone = phone.take(MANY as usize).await;
    let refused = of_type(&of_phone, "error");
    let moved: Vec<_> = of_type(&of_phone, "conversation_read");
    assert!(moved.len() >= 100 && !refused.is_empty(), "{} moved", moved.len());
    for refusal in &refused {
        assert_eq!(refusal["code"], "rate_limited");
        assert!(
            (1..=100).contains(&refusal["retry_after_ms"].as_u64().unwrap()),
            "{refusal}"
        );
    }

    for _ in 0..MANY {
        read(&mut tablet, &id, 0).await;
    }
    let of_tablet = tablet.take(moved.len() + MANY as usize).await;
    let passed = of_type(&of_tablet, "conversation_read").len();
    let most = 90 + most_tokens_since(start);
    assert!(passed <= most, "{passed} passed, {most} at most");

    // A refusal moved nothing, and nobody was told of it.
    let told = of_bob.catch_up().await;
    assert_eq!(told.iter().collect::<Vec<_>>(), moved);
    let unread = u64::from(MANY) - moved.last().unwrap()["seq"].as_u64().unwrap();
    assert_eq!(ada.listed(&server, &id).await["unread_count"], unread);
    // A frame that passed after the last refusal may have taken the token that this one tells of. Nobody else takes any by now.
    let mut answer = (*of_type(&of_tablet, "error").last().unwrap()).clone();
    for _ in 0..2 {
        if answer["type"] == "error" {
            wait_as_told(&answer).await;
            read(&mut tablet, &id, MANY).await;
            answer = tablet.next().await;
        }
    }
    assert_eq!(answer["seq"], MANY, "{answer}");
}

#[tokio::test]
async fn one_users_burst_takes_nothing_from_another_and_nothing_from_their_own_messages() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    server.leave_messages(&bob, &ada, 1).await;
    let id = ada.open_direct(&server, &bob).await;
    let (mut of_ada, mut of_bob) = (connected(&server, &ada).await, connected(&server, &bob).await);
    for _ in 0..MANY {
        read(&mut of_ada, &id, 0).await;
    }
    let frames = of_ada.take(MANY as usize).await;
    assert!(!of_type(&frames, "error").is_empty());
    read(&mut of_bob, &id, 1).await;
    assert_eq!(of_bob.next().await["type"], "conversation_read");
    of_ada.next_of("conversation_read").await;
    assert_eq!(of_ada.say(&bob, "hello").await["seq"], 2);
}
