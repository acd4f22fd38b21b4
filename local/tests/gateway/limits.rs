//! What a client may not do, and what time does to connections.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use local::gateway::{Options, WebSocketOptions};
use shared::push::Push;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::harness::{Client, Harness, in_time};

const FRAME: usize = 32 * 1024;

fn with(websocket: WebSocketOptions) -> Options {
    Options {
        websocket,
        ..Options::default()
    }
}

/// Sends a message of `count` frames of 32 KB.
async fn send_fragments(client: &mut Client, count: usize) {
    for index in 0..count {
        let opcode = if index == 0 { Data::Text } else { Data::Continue };
        let payload = Bytes::from(vec![b'x'; FRAME]);
        let frame = Frame::message(payload, OpCode::Data(opcode), index + 1 == count);
        client.send(Message::Frame(frame)).await;
    }
}

#[tokio::test]
async fn the_largest_frame_and_message_are_taken() {
    let mut harness = Harness::start().await;
    let (mut client, _) = harness.connect().await;
    client.send("x".repeat(FRAME)).await;
    assert_eq!(client.text().await.len(), FRAME);
    send_fragments(&mut client, 4).await;
    assert_eq!(client.text().await.len(), 4 * FRAME);
}

#[tokio::test]
async fn a_frame_over_the_limit_closes_with_1009() {
    let mut harness = Harness::start().await;
    let (mut client, _) = harness.connect().await;
    client.send("x".repeat(FRAME + 1)).await;
    assert_eq!(client.close_frame().await.0, 1009);
    assert_eq!(harness.disconnect().await.0, 1009);
}

#[tokio::test]
async fn a_message_over_the_limit_closes_with_1009() {
    let mut harness = Harness::start().await;
    let (mut client, _) = harness.connect().await;
    send_fragments(&mut client, 5).await;
    assert_eq!(client.close_frame().await.0, 1009);
    assert_eq!(harness.disconnect().await.0, 1009);
}

#[tokio::test]
async fn a_client_in_the_midst_of_a_huge_frame_still_sees_why_it_is_closed() {
    let mut harness = Harness::start().await;
    let (mut client, _) = harness.connect().await;
    client.send("x".repeat(16 * 1024 * 1024)).await;
    assert_eq!(client.close_frame().await.0, 1009);
}

#[tokio::test]
async fn a_binary_message_closes_with_1003() {
    let mut harness = Harness::start().await;
    let (mut client, _) = harness.connect().await;
    client.send(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(client.close_frame().await.0, 1003);
    assert_eq!(harness.disconnect().await.0, 1003);
}

#[tokio::test]
async fn text_that_is_not_utf_8_closes_with_1007() {
    let mut harness = Harness::start().await;
    let (mut client, _) = harness.connect().await;
    let frame = Frame::message(Bytes::from_static(&[0xff, 0xfe]), OpCode::Data(Data::Text), true);
    client.send(Message::Frame(frame)).await;
    assert_eq!(client.close_frame().await.0, 1007);
    assert_eq!(harness.disconnect().await.0, 1007);
}

#[tokio::test]
async fn a_client_that_breaks_the_protocol_is_closed_with_1002() {
    let mut harness = Harness::start().await;
    let (mut client, _) = harness.connect().await;
    // A text frame that is not masked, as a client's must be.
    client.tcp().write_all(&[0x81, 0x01, b'x']).await.expect("a frame");
    assert_eq!(client.close_frame().await.0, 1002);
    assert_eq!(harness.disconnect().await.0, 1002);
}

#[tokio::test]
async fn an_idle_connection_is_closed_with_1001() {
    let options = with(WebSocketOptions {
        idle_timeout: Duration::from_millis(100),
        ..WebSocketOptions::default()
    });
    let mut harness = Harness::start_with(options).await;
    let (mut client, _) = harness.connect().await;
    assert_eq!(client.close_frame().await, (1001, "Going away".to_owned()));
    assert_eq!(harness.disconnect().await, (1001, "Going away".to_owned()));
}

#[tokio::test]
async fn frames_in_either_direction_keep_a_connection_open() {
    let options = with(WebSocketOptions {
        idle_timeout: Duration::from_secs(1),
        ..WebSocketOptions::default()
    });
    let mut harness = Harness::start_with(options).await;
    let (mut talker, _) = harness.connect().await;
    let (mut listener, id) = harness.connect().await;
    for _ in 0..30 {
        sleep(Duration::from_millis(50)).await;
        // A command that is not answered.
        talker.send("refuse").await;
        harness.connections.post(&id, "down".into()).await.expect("a push");
        assert_eq!(listener.text().await, "down");
    }
    talker.send("still there").await;
    assert_eq!(talker.text().await, "still there");
}

#[tokio::test]
async fn a_connection_in_use_is_closed_at_the_end_of_its_lifetime() {
    let options = with(WebSocketOptions {
        lifetime: Duration::from_millis(300),
        ..WebSocketOptions::default()
    });
    let mut harness = Harness::start_with(options).await;
    let started = Instant::now();
    let (mut client, id) = harness.connect().await;
    while harness.connections.post(&id, "x".into()).await.is_ok() {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!(client.close_frame().await, (1001, "Going away".to_owned()));
}

#[tokio::test]
async fn a_peer_that_answers_pings_stays_and_one_that_does_not_is_dropped() {
    let interval = Duration::from_millis(500);
    let options = with(WebSocketOptions {
        ping_interval: Some(interval),
        ..WebSocketOptions::default()
    });
    let mut harness = Harness::start_with(options).await;
    let started = Instant::now();
    let (mut client, _) = harness.connect().await;
    for _ in 0..3 {
        // Reading is what makes this client answer, the last time perhaps not any more.
        assert!(matches!(client.next().await, Some(Ok(Message::Ping(_)))));
    }
    assert_eq!(harness.disconnect().await.0, 1006);
    assert!(
        started.elapsed() >= interval * (2 + 3),
        "two answers, and three intervals of silence"
    );
}

#[tokio::test]
async fn a_clients_ping_is_answered() {
    let mut harness = Harness::start().await;
    let (mut client, _) = harness.connect().await;
    client.send(Message::Ping(Bytes::from_static(b"p"))).await;
    assert_eq!(
        client.next().await.expect("a frame").expect("a frame"),
        Message::Pong(Bytes::from_static(b"p"))
    );
}

#[tokio::test]
async fn many_clients_that_come_and_go_at_once_harm_nobody() {
    let mut harness = Harness::start().await;
    let (mut witness, _) = harness.connect().await;
    let url = format!("ws://{}/ws", harness.address);
    let clients = (0..40).map(|index| {
        let url = url.clone();
        tokio::spawn(async move {
            for _ in 0..5 {
                let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.expect("a connection");
                for _ in 0..3 {
                    socket.send(Message::text("x")).await.expect("a message");
                }
                if index % 2 == 0 {
                    socket.next().await.expect("an answer").expect("an answer");
                    let _ = socket.close(None).await;
                }
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        in_time(client).await.expect("a client");
    }
    witness.send("still there").await;
    assert_eq!(witness.text().await, "still there");
    let (mut connects, mut disconnects) = (0, 0);
    while disconnects < 200 {
        match harness.next_event().await["requestContext"]["eventType"].as_str() {
            Some("CONNECT") => connects += 1,
            Some("DISCONNECT") => disconnects += 1,
            _ => {}
        }
    }
    assert_eq!(connects, 200);
}
