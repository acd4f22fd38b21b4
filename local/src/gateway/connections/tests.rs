//! The table by itself, without sockets.

use chrono::DateTime;

use super::*;

fn frame(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn client() -> Client {
    Client {
        connected_at: DateTime::UNIX_EPOCH,
        source_ip: "192.0.2.7".to_owned(),
        user_agent: None,
    }
}

fn registered(limits: QueueLimits) -> (Connections, ConnectionId, Registration, Queue) {
    let connections = Connections::new(limits);
    let id = ConnectionId::new("a".to_owned());
    let registration = connections.register(id.clone(), client());
    let queue = registration.open();
    (connections, id, registration, queue)
}

#[tokio::test]
async fn an_unknown_connection_is_gone() {
    let connections = Connections::default();
    let id = ConnectionId::new("nobody".to_owned());
    assert_eq!(connections.post(&id, frame("x")).await, Err(PushError::Gone));
    assert_eq!(connections.close(&id).await, Err(PushError::Gone));
    assert_eq!(connections.is_open(&id).await, Err(PushError::Gone));
}

#[tokio::test]
async fn during_its_handshake_a_connection_is_neither_open_nor_gone() {
    let connections = Connections::default();
    let id = ConnectionId::new("a".to_owned());
    let registration = connections.register(id.clone(), client());
    assert_eq!(connections.post(&id, frame("x")).await, Err(PushError::Gone));
    assert_eq!(connections.close(&id).await, Err(PushError::Gone));
    assert_eq!(connections.is_open(&id).await, Ok(false));
    let _queue = registration.open();
    assert_eq!(connections.is_open(&id).await, Ok(true));
    drop(registration);
    assert_eq!(connections.is_open(&id).await, Err(PushError::Gone));
}

#[tokio::test]
async fn a_handshake_that_fails_leaves_nothing() {
    let connections = Connections::default();
    let id = ConnectionId::new("a".to_owned());
    drop(connections.register(id.clone(), client()));
    assert_eq!(connections.is_open(&id).await, Err(PushError::Gone));
}

#[tokio::test]
async fn a_post_takes_its_place_at_the_call_and_resolves_once_written() {
    let (connections, id, _registration, mut queue) = registered(QueueLimits::default());
    let second_polled_first = (connections.post(&id, frame("1")), connections.post(&id, frame("2")));
    let mut texts = Vec::new();
    for _ in 0..2 {
        let Some(Outgoing::Frame(frame)) = queue.receive().await else {
            panic!("a frame");
        };
        texts.push(frame.text.to_string());
        queue.written(frame);
    }
    assert_eq!(texts, ["1", "2"]);
    assert_eq!(second_polled_first.1.await, Ok(()));
    assert_eq!(second_polled_first.0.await, Ok(()));
}

#[tokio::test]
async fn a_connection_that_ends_takes_its_queued_frames_with_it() {
    let (connections, id, registration, queue) = registered(QueueLimits::default());
    let post = connections.post(&id, frame("x"));
    drop(registration);
    drop(queue);
    assert_eq!(post.await, Err(PushError::Gone));
    assert_eq!(connections.is_open(&id).await, Err(PushError::Gone));
}

#[tokio::test]
async fn a_full_queue_is_busy_until_its_client_reads() {
    let (connections, id, _registration, mut queue) = registered(QueueLimits { frames: 2, bytes: 10 });
    let _first = connections.post(&id, frame("1234"));
    let _second = connections.post(&id, frame("1"));
    assert_eq!(connections.post(&id, frame("1")).await, Err(PushError::Busy), "frames");
    let Some(Outgoing::Frame(frame_1)) = queue.receive().await else {
        panic!("a frame");
    };
    assert_eq!(
        connections.post(&id, frame("1")).await,
        Err(PushError::Busy),
        "not written yet"
    );
    queue.written(frame_1);
    assert_eq!(
        connections.post(&id, frame("12345678901")).await,
        Err(PushError::Busy),
        "bytes"
    );
    let third = connections.post(&id, frame("123456789"));
    assert!(third.now_or_never().is_none(), "there is room again");
}

#[tokio::test]
async fn a_frame_that_no_socket_takes_is_refused() {
    let (connections, id, _registration, _queue) = registered(QueueLimits::default());
    let large = Bytes::from(vec![b'x'; MAX_FRAME_SIZE + 1]);
    assert_eq!(connections.post(&id, large).await, Err(PushError::TooLarge));
    let binary = connections.post(&id, Bytes::from_static(&[0xff])).await;
    assert!(matches!(binary, Err(PushError::Unreachable(_))), "{binary:?}");
}

#[tokio::test]
async fn closing_goes_behind_what_is_queued_and_ends_posting_at_once() {
    let (connections, id, _registration, mut queue) = registered(QueueLimits { frames: 1, bytes: 100 });
    let _post = connections.post(&id, frame("last"));
    let _close = connections.close(&id);
    assert_eq!(connections.is_open(&id).await, Err(PushError::Gone));
    assert_eq!(connections.post(&id, frame("late")).await, Err(PushError::Gone));
    assert_eq!(connections.close(&id).await, Err(PushError::Gone));
    assert!(matches!(queue.receive().await, Some(Outgoing::Frame(_))));
    assert!(matches!(queue.receive().await, Some(Outgoing::Close(_))));
}

const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(10);

fn text(content: &'static str) -> Utf8Bytes {
    Utf8Bytes::from_static(content)
}

/// The text of the next frame in the queue, if one waits.
fn next_text(queue: &mut Queue) -> Option<String> {
    match queue.try_receive() {
        Some(Outgoing::Frame(frame)) => {
            let text = frame.text.to_string();
            queue.written(frame);
            Some(text)
        }
        _ => None,
    }
}

#[tokio::test]
async fn a_post_whose_turn_does_not_come_is_taken_back() {
    let (connections, id, _registration, mut queue) = registered(QueueLimits::default());
    let refused = connections.post_within(&id, text("refused"), SHORT).await;
    assert_eq!(refused, Err(PushError::Busy));
    let _next = connections.post(&id, frame("next"));
    assert_eq!(
        next_text(&mut queue).as_deref(),
        Some("next"),
        "what was refused is not sent"
    );
}

#[tokio::test]
async fn a_post_that_nobody_waits_for_any_more_is_taken_back() {
    let (connections, id, _registration, mut queue) = registered(QueueLimits::default());
    let mut post = Box::pin(connections.post_within(&id, text("abandoned"), LONG));
    assert!((&mut post).now_or_never().is_none());
    drop(post);
    assert_eq!(next_text(&mut queue), None);
}

#[tokio::test]
async fn a_post_whose_turn_has_come_is_waited_for() {
    let (connections, id, _registration, mut queue) = registered(QueueLimits::default());
    let mut post = Box::pin(connections.post_within(&id, text("slow"), SHORT));
    assert!((&mut post).now_or_never().is_none());
    let Some(Outgoing::Frame(frame)) = queue.receive().await else {
        panic!("a frame");
    };
    let still_waits = timeout(SHORT * 3, &mut post).await;
    assert!(still_waits.is_err(), "it may have gone out, so it can't be refused");
    queue.written(frame);
    assert_eq!(post.await, Ok(()));
}

#[tokio::test]
async fn what_is_taken_back_weighs_nothing_but_counts_until_its_place_is_reached() {
    let (connections, id, _registration, mut queue) = registered(QueueLimits { frames: 2, bytes: 10 });
    for _ in 0..2 {
        let refused = connections.post_within(&id, text("1234567890"), SHORT).await;
        assert_eq!(refused, Err(PushError::Busy));
    }
    assert_eq!(
        connections.post(&id, frame("1")).await,
        Err(PushError::Busy),
        "no place"
    );
    assert_eq!(next_text(&mut queue), None);
    let _post = connections.post(&id, frame("1234567890"));
    assert_eq!(next_text(&mut queue).as_deref(), Some("1234567890"));
}

#[tokio::test]
async fn a_connections_last_activity_is_told() {
    let (connections, id, _registration, queue) = registered(QueueLimits::default());
    let since_beginning = || connections.describe(&id).unwrap().last_active_at - DateTime::UNIX_EPOCH;
    assert_eq!(since_beginning().num_seconds(), 0);
    queue.active(tokio::time::Instant::now() + LONG);
    assert_eq!(since_beginning().num_seconds(), 60);
}
