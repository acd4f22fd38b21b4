//! Pushing to open sockets.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use local::gateway::{Connections, Options, QueueLimits, WebSocketOptions};
use shared::domain::ConnectionId;
use shared::push::{Outcome, Push, PushError};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Bytes;

use crate::harness::{Harness, TEMPLATE, in_time};

#[tokio::test]
async fn frames_arrive_in_the_order_of_the_posts() {
    let mut harness = Harness::start().await;
    let (mut client, id) = harness.connect().await;
    let posts: Vec<_> = (0..500)
        .map(|number| harness.connections.post(&id, number.to_string().into()))
        .collect();
    // Waiting in the other order must not change it.
    let outcomes = in_time(join_all(posts.into_iter().rev())).await;
    assert!(outcomes.iter().all(Result::is_ok));
    for number in 0..500 {
        assert_eq!(client.text().await, number.to_string());
    }
}

#[tokio::test]
async fn before_connect_has_answered_a_connection_is_gone() {
    let mut harness = Harness::start().await;
    let mut client = harness.try_connect("do=push").await.expect("a connection");
    let connect = harness.event("CONNECT").await;
    assert_eq!(harness.next_event().await["early"], "Err(Gone), open: Ok(false)");
    let id = connect["requestContext"]["connectionId"].as_str().expect("an id");
    let id = ConnectionId::new(id);
    assert_eq!(harness.connections.is_open(&id).await, Ok(true));
    harness.connections.post(&id, "late".into()).await.expect("a push");
    assert_eq!(client.text().await, "late");
}

#[tokio::test]
async fn after_its_end_a_connection_is_gone() {
    let mut harness = Harness::start().await;
    let (mut client, id) = harness.connect().await;
    client.0.close(None).await.expect("a close");
    harness.disconnect().await;
    assert_eq!(harness.connections.is_open(&id).await, Err(PushError::Gone));
    assert_eq!(harness.connections.post(&id, "x".into()).await, Err(PushError::Gone));
    assert_eq!(harness.connections.close(&id).await, Err(PushError::Gone));
}

#[tokio::test]
async fn a_closed_connection_gets_what_was_queued_and_a_close_frame() {
    let mut harness = Harness::start().await;
    let (mut client, id) = harness.connect().await;
    let post = harness.connections.post(&id, "last".into());
    let close = harness.connections.close(&id);
    assert_eq!(in_time(post).await, Ok(()));
    assert_eq!(in_time(close).await, Ok(()));
    assert_eq!(client.text().await, "last");
    assert_eq!(
        client.close_frame().await,
        (1000, "Connection Closed Normally".to_owned())
    );
    assert_eq!(
        harness.disconnect().await,
        (1000, "Connection Closed Normally".to_owned())
    );
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_busy_then_gone_and_holds_up_nobody() {
    let websocket = WebSocketOptions {
        // Longer than it takes to fill the queue.
        write_timeout: Duration::from_secs(2),
        ..WebSocketOptions::default()
    };
    let options = Options {
        websocket,
        ..Options::default()
    };
    let limits = QueueLimits::default();
    let mut harness = Harness::start_from(TEMPLATE, options, limits).await;
    let (_lazy, lazy) = harness.connect().await;
    let (mut keen, keen_id) = harness.connect().await;
    let (posts, refusal) = post_until_refused(&harness.connections, &lazy).await;
    assert_eq!(refusal, PushError::Busy);
    harness
        .connections
        .post(&keen_id, "meanwhile".into())
        .await
        .expect("a push");
    assert_eq!(keen.text().await, "meanwhile");
    let outcomes = in_time(join_all(posts)).await;
    let last = outcomes.last().expect("a post");
    assert_eq!(
        *last,
        Err(PushError::Gone),
        "what was never written is not acknowledged"
    );
    assert_eq!(harness.disconnect().await.0, 1006);
    keen.send("still there").await;
    assert_eq!(keen.text().await, "still there");
}

/// Posts more than the queue and all the buffers of the system take: the posts that are not settled, and the refusal.
async fn post_until_refused(connections: &Connections, id: &ConnectionId) -> (Vec<Outcome>, PushError) {
    let frame = Bytes::from(vec![b'x'; 100 * 1024]);
    let mut posts = Vec::new();
    for _ in 0..10_000 {
        let mut post = connections.post(id, frame.clone());
        // Time for what can be written to be written.
        sleep(Duration::from_millis(1)).await;
        match (&mut post).now_or_never() {
            Some(Ok(())) => {}
            Some(Err(error)) => return (posts, error),
            None => posts.push(post),
        }
    }
    panic!("a bound");
}
