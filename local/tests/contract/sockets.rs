//! Sockets: who may open one, what ends it, and that nothing a client sends harms it or another.

mod bad_frames;
mod crowd;
mod handshake;
mod limits;

use tokio_tungstenite::tungstenite::Message;

use crate::support::{Socket, TestServer, close_code, direct_message, strings};

/// Asserts that the socket is open and that nothing but the answer comes out of it.
async fn expect_open(sockets: &mut [Socket]) {
    for socket in sockets {
        socket.expect_nothing().await;
    }
}

#[tokio::test]
async fn a_33rd_connection_closes_the_users_oldest_and_no_other() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut other = server.connect(&bob).await;
    let mut sockets = Vec::new();
    for _ in 0..32 {
        sockets.push(server.connect(&alice).await);
    }
    expect_open(&mut sockets).await;
    for _ in 0..2 {
        sockets.push(server.connect(&alice).await);
        let mut oldest = sockets.remove(0);
        assert_eq!(close_code(&mut oldest).await, Some(1000));
        expect_open(&mut sockets).await;
    }

    let sent = other.say(&alice, "to all 32").await;
    for socket in &mut sockets {
        assert_eq!(socket.next().await, sent);
    }
    // One that left makes room.
    sockets.pop().unwrap().close().await;
    let count = format!("select count(*) = 31 from connections where user_id = '{}'", alice.id);
    server.wait_until(&count).await;
    sockets.push(server.connect(&alice).await);
    expect_open(&mut sockets).await;
    other.expect_nothing().await;
}

#[tokio::test]
async fn a_server_that_stops_closes_every_socket_with_1001() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut sockets = [
        server.connect(&alice).await,
        server.connect(&alice).await,
        server.connect(&bob).await,
    ];
    server.begin_stop();
    for socket in &mut sockets {
        assert_eq!(close_code(socket).await, Some(1001));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_message_sent_right_before_the_stop_is_stored_if_it_was_acknowledged() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut from = server.connect(&alice).await;
    for index in 0..10 {
        from.send(&direct_message(&bob, &index.to_string())).await;
    }
    // From here on the stop comes somewhere between the sends.
    let mut acknowledged = vec![from.next().await];
    server.begin_stop();
    while let Some(message) = from.next_message().await {
        if let Message::Text(text) = message {
            acknowledged.push(serde_json::from_str(&text).unwrap());
        }
    }
    let acknowledged = strings(&acknowledged, "content");
    let server = server.restart().await;
    let stored = alice.history(&server, &bob).await;
    assert_eq!(acknowledged.first(), Some(&"0"));
    assert_eq!(stored[..acknowledged.len()], acknowledged);
    let mut to = server.open(&bob).await;
    let pushed = to.take_until(|frame| frame["type"] == "sync_complete").await;
    assert_eq!(strings(&pushed, "content"), stored);
}

#[tokio::test]
async fn the_end_of_one_socket_is_no_matter_for_the_others() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut others = [server.connect(&alice).await, server.connect(&bob).await];
    server.connect(&alice).await.close().await;
    server.connect(&alice).await.cut();
    let mut broken = server.connect(&alice).await;
    broken.send_message(vec![0u8; 4].into()).await;
    assert_eq!(close_code(&mut broken).await, Some(1003));
    expect_open(&mut others).await;
    let [from, to] = &mut others;
    from.say(&bob, "still here").await;
    assert_eq!(to.next().await["content"], "still here");
}
