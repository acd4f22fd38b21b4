//! One `client_id` on several connections at once.

use futures_util::future::join_all;
use serde_json::Value;

use super::{conversations, devices};
use crate::support::{Socket, TestServer, User, named_message, receivers_copy};

/// Sends the frame on all sockets at once and returns what each got up to a fence, twice: the first send may be on any.
async fn send_on_all(sockets: &mut [Socket], frame: &Value) -> Vec<Vec<Value>> {
    join_all(sockets.iter_mut().map(|socket| socket.send(frame))).await;
    let first = join_all(sockets.iter_mut().map(Socket::catch_up)).await;
    let second = join_all(sockets.iter_mut().map(Socket::catch_up)).await;
    std::iter::zip(first, second)
        .map(|(first, second)| [first, second].concat())
        .collect()
}

/// Asserts that all of it is one message: each device has the answer to its own send, and at most the announcement besides.
fn expect_one_message(answers: &[Vec<Value>]) -> Value {
    let first = &answers[0][0];
    assert_eq!(first["type"], "direct_message", "{first}");
    for frames in answers {
        assert!((1..=2).contains(&frames.len()), "{frames:?}");
        assert!(frames.iter().all(|frame| frame == first), "{frames:?}");
    }
    // One of them announced it to all, that one included; the others were answered.
    let count: usize = answers.iter().map(Vec::len).sum();
    assert_eq!(count, 2 * answers.len() - 1);
    first.clone()
}

async fn race(server: &TestServer, bob: &User, senders: &mut [Socket], to: &mut Socket, rounds: i64) {
    for round in 1..=rounds {
        let frame = named_message(bob, "once", &format!("c{round}"));
        let message = expect_one_message(&send_on_all(senders, &frame).await);
        assert_eq!(message["seq"], round);
        // A repeat that overtakes the push of the first may push it once more.
        let mut received = to.catch_up().await;
        received.dedup();
        assert_eq!(received, [receivers_copy(&message)]);
    }
    assert_eq!(conversations(server).await, [(rounds, rounds)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_repeats_store_one_message_and_leave_no_hole() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut senders = devices(&server, &alice, 10).await;
    let mut to = server.connect(&bob).await;
    race(&server, &bob, &mut senders, &mut to, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_repeats_that_no_bucket_keeps_apart_leave_no_hole_either() {
    let server = TestServer::start().await;
    server.lift_rate_limits().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut senders = devices(&server, &alice, 8).await;
    let mut to = server.connect(&bob).await;
    race(&server, &bob, &mut senders, &mut to, 15).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_parallel_sends_with_one_client_id_and_other_contents_one_wins() {
    let server = TestServer::start().await;
    server.lift_rate_limits().await;
    let (alice, bob, carol) = (
        server.user("alice").await,
        server.user("bob").await,
        server.user("carol").await,
    );
    let mut senders = devices(&server, &alice, 4).await;
    for round in 0..10 {
        let client_id = format!("c{round}");
        let frames = [
            named_message(&bob, "one", &client_id),
            named_message(&bob, "two", &client_id),
            named_message(&carol, "one", &client_id),
            named_message(&carol, "two", &client_id),
        ];
        join_all(
            senders
                .iter_mut()
                .zip(&frames)
                .map(|(socket, frame)| socket.send(frame)),
        )
        .await;
        let mut seen = join_all(senders.iter_mut().map(Socket::catch_up)).await.concat();
        seen.extend(join_all(senders.iter_mut().map(Socket::catch_up)).await.concat());
        let conflicts = seen.iter().filter(|frame| frame["code"] == "client_id_conflict");
        assert_eq!(conflicts.count(), 3, "{seen:?}");
        let copies: Vec<_> = seen.iter().filter(|frame| frame["type"] == "direct_message").collect();
        assert_eq!(copies.len(), 4, "{seen:?}");
        assert!(copies.iter().all(|copy| *copy == copies[0]), "{seen:?}");
    }
    let conversations = conversations(&server).await;
    assert!(
        conversations.iter().all(|(last, count)| last == count),
        "{conversations:?}"
    );
    assert_eq!(conversations.iter().map(|(_, count)| count).sum::<i64>(), 10);
}
