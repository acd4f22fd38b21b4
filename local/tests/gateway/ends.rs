//! Every end of a connection is told exactly once.

use std::time::Duration;

use futures_util::SinkExt;
use local::gateway::{Options, WebSocketOptions};
use shared::domain::ConnectionId;
use shared::push::Push;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::harness::{Client, Harness, in_time};

/// A time after which a connection of these tests ends, where it ends by time.
const SOON: Duration = Duration::from_millis(200);

/// Ends a connection with these settings, and expects one event with this code.
async fn expect_one_end(
    websocket: WebSocketOptions,
    code: u64,
    end: impl AsyncFnOnce(&mut Harness, Client, ConnectionId),
) {
    let options = Options {
        websocket,
        ..Options::default()
    };
    let mut harness = Harness::start_with(options).await;
    let (client, id) = harness.connect().await;
    end(&mut harness, client, id).await;
    assert_eq!(harness.disconnect().await.0, code);
    assert!(harness.is_quiet().await, "{code} is told once");
}

async fn read_to_end(mut client: Client) {
    while let Some(Ok(_)) = client.next().await {}
}

fn usual() -> WebSocketOptions {
    WebSocketOptions::default()
}

#[tokio::test]
async fn an_end_by_the_client_is_told_once() {
    expect_one_end(usual(), 1005, async |_, mut client, _| {
        in_time(client.0.close(None)).await.expect("a close");
        read_to_end(client).await;
    })
    .await;
    expect_one_end(usual(), 1000, async |_, mut client, _| {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        in_time(client.0.close(Some(frame))).await.expect("a close");
        // It does not wait for the answer.
    })
    .await;
    expect_one_end(usual(), 1006, async |_, client, _| drop(client)).await;
}

#[tokio::test]
async fn an_end_for_what_the_client_did_is_told_once() {
    expect_one_end(usual(), 1003, async |_, mut client, _| {
        client.send(Message::binary(vec![1])).await;
        read_to_end(client).await;
    })
    .await;
    expect_one_end(usual(), 1009, async |_, mut client, _| {
        client.send("x".repeat(32 * 1024 + 1)).await;
        // More that is never read.
        let _ = in_time(client.0.send(Message::text("more"))).await;
        read_to_end(client).await;
    })
    .await;
}

#[tokio::test]
async fn an_end_by_time_is_told_once() {
    let idle = WebSocketOptions {
        idle_timeout: SOON,
        ..usual()
    };
    expect_one_end(idle, 1001, async |_, client, _| read_to_end(client).await).await;
    let short = WebSocketOptions {
        lifetime: SOON,
        ..usual()
    };
    expect_one_end(short, 1001, async |_, client, _| read_to_end(client).await).await;
}

#[tokio::test]
async fn an_end_by_a_function_is_told_once_however_often_it_asks() {
    expect_one_end(usual(), 1000, async |harness, client, id| {
        let closes = [harness.connections.close(&id), harness.connections.close(&id)];
        let [first, second] = closes;
        assert!(in_time(first).await.is_ok() && in_time(second).await.is_err());
        read_to_end(client).await;
    })
    .await;
}

#[tokio::test]
async fn an_end_by_the_gateways_own_is_told_once() {
    expect_one_end(usual(), 1001, async |harness, client, _| {
        harness.stop();
        read_to_end(client).await;
    })
    .await;
}
