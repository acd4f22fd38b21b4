//! Frames that read: 10 a second for each user over all connections, 100 at once.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::sending::connected;
use crate::support::{Socket, TestServer, User, assert_rate_limited, most_tokens_since, wait_as_told};

/// More than any machine reads within the second in which ten tokens come back.
const MANY: u32 = 300;

async fn read(socket: &mut Socket, conversation: &str, seq: u32) {
    socket
        .send(&json!({"type": "read", "conversation_id": conversation, "seq": seq}))
        .await;
}

/// Uses up what the user may read: the next token comes in 5 seconds.
async fn use_up(server: &TestServer, user: &User) {
    let key = format!("read:{}", user.id);
    server.empty_bucket(&key, Duration::from_secs(15)).await;
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
    let moved = of_type(&of_phone, "conversation_read");
    for _ in 0..MANY {
        read(&mut tablet, &id, 0).await;
    }
    let of_tablet = tablet.take(moved.len() + MANY as usize).await;
    let passed = of_type(&of_tablet, "conversation_read").len();
    let most = 90 + most_tokens_since(start);
    assert!((100..=most).contains(&passed), "{passed} passed, {most} at most");
    for refusal in of_type(&of_phone, "error") {
        assert_rate_limited(refusal, 100);
    }

    // A refusal moved nothing, and nobody was told of it.
    let told = of_bob.catch_up().await;
    assert_eq!(told.iter().collect::<Vec<_>>(), moved);
    let unread = u64::from(MANY) - moved.last().unwrap()["seq"].as_u64().unwrap();
    assert_eq!(ada.listed(&server, &id).await["unread_count"], unread);
}

#[tokio::test]
async fn who_waits_as_told_may_read() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    server.leave_messages(&bob, &ada, 1).await;
    let id = ada.open_direct(&server, &bob).await;
    let mut socket = connected(&server, &ada).await;
    use_up(&server, &ada).await;
    read(&mut socket, &id, 1).await;
    let refusal = socket.next().await;
    assert_rate_limited(&refusal, 5100);
    assert_eq!(ada.listed(&server, &id).await["unread_count"], 1);
    wait_as_told(&refusal).await;
    read(&mut socket, &id, 1).await;
    assert_eq!(socket.next().await["seq"], 1);
}

#[tokio::test]
async fn one_users_burst_takes_nothing_from_another_and_nothing_from_their_own_messages() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    server.leave_messages(&bob, &ada, 1).await;
    let id = ada.open_direct(&server, &bob).await;
    let (mut of_ada, mut of_bob) = (connected(&server, &ada).await, connected(&server, &bob).await);
    use_up(&server, &ada).await;
    read(&mut of_ada, &id, 0).await;
    assert_rate_limited(&of_ada.next().await, 5100);
    read(&mut of_bob, &id, 1).await;
    assert_eq!(of_bob.next().await["type"], "conversation_read");
    of_ada.next_of("conversation_read").await;
    assert_eq!(of_ada.say(&bob, "hello").await["seq"], 2);
}
