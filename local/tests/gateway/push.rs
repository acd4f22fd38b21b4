//! Pushing to open sockets.

use std::time::Duration;

use futures_util::future::join_all;
use local::gateway::{Options, QueueLimits, WebSocketOptions};
use shared::push::{Push, PushError};
use tokio::time::Instant;
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
    assert_eq!(harness.next_event().await["early"], "Err(Gone)");
    let id = connect["requestContext"]["connectionId"].as_str().expect("an id");
    let id = shared::domain::ConnectionId::new(id);
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
    assert_eq!(harness.connections.is_open(&id).await, Ok(false));
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
    assert_eq!(client.close_frame().await, (1000, "Connection Closed Normally".to_owned()));
    assert_eq!(harness.disconnect().await, (1000, "Connection Closed Normally".to_owned()));
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_busy_then_gone_and_holds_up_nobody() {
    let websocket = WebSocketOptions {
        write_timeout: Duration::from_millis(300),
        ..WebSocketOptions::default()
    };
    let options = Options { websocket, ..Options::default() };
    let limits = QueueLimits::default();
    let mut harness = Harness::start_from(TEMPLATE, options, limits).await;
    let (_lazy, lazy) = harness.connect().await;
    let (mut keen, keen_id) = harness.connect().await;
    let frame = Bytes::from(vec![b'x'; 100 * 1024]);
    let started = Instant::now();
    let mut posts = Vec::new();
    // More than the queue and all the buffers of the system take.
    let mut refused = None;
    while refused.is_none() {
        let mut post = harness.connections.post(&lazy, frame.clone());
        tokio::task::yield_now().await;
        match futures_util::poll!(&mut post) {
            std::task::Poll::Ready(Err(error)) => refused = Some(error),
            _ => posts.push(post),
        }
        assert!(started.elapsed() < Duration::from_secs(5), "a bound");
    }
    assert_eq!(refused, Some(PushError::Busy));
    harness.connections.post(&keen_id, "meanwhile".into()).await.expect("a push");
    assert_eq!(keen.text().await, "meanwhile");
    let outcomes = in_time(join_all(posts)).await;
    assert_eq!(outcomes.last(), Some(&Err(PushError::Gone)), "what was never written is not acknowledged");
    assert_eq!(harness.disconnect().await.0, 1006);
    keen.send("still there").await;
    assert_eq!(keen.text().await, "still there");
}
