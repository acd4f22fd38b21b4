//! Receivers who leave, properly or not.

use super::complete;
use crate::support::{Socket, TestServer, User, strings};

/// Waits until the server has noticed that the user has `count` connections left.
async fn wait_for_connections(server: &TestServer, user: &User, count: u32) {
    let query = format!(
        "select count(*) = {count} from connections where user_id = '{}'",
        user.id
    );
    server.wait_until(&query).await;
}

async fn expect_waiting(server: &TestServer, user: &User, contents: &[&str]) -> Socket {
    let mut socket = server.open(user).await;
    let pushed = socket.take_until(|frame| *frame == complete()).await;
    assert_eq!(strings(&pushed, "content"), contents);
    socket
}

#[tokio::test]
async fn messages_after_a_proper_leave_wait() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, to) = (server.connect(&alice).await, server.connect(&bob).await);
    to.close().await;
    // The socket is closed, whether or not the server has made an end of its row.
    from.say(&bob, "after the leave").await;
    expect_waiting(&server, &bob, &["after the leave"]).await;
}

#[tokio::test]
async fn a_receiver_who_vanishes_harms_nobody_and_misses_nothing() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, to) = (server.connect(&alice).await, server.connect(&bob).await);
    let mut stays = server.connect(&bob).await;
    to.cut();
    for index in 0..5 {
        let content = format!("to the other device {index}");
        from.say(&bob, &content).await;
        assert_eq!(stays.next().await["content"], content);
    }
    wait_for_connections(&server, &bob, 1).await;
    stays.cut();
    wait_for_connections(&server, &bob, 0).await;
    from.say(&bob, "to nobody").await;
    from.expect_nothing().await;
    expect_waiting(&server, &bob, &["to nobody"]).await;
}

#[tokio::test]
async fn a_sender_who_vanishes_after_sending_is_heard_all_the_same() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut to = server.connect(&bob).await;
    let mut from = server.connect(&alice).await;
    from.send(&crate::support::direct_message(&bob, "last words")).await;
    from.close().await;
    assert_eq!(to.next().await["content"], "last words");
    wait_for_connections(&server, &alice, 0).await;
    to.expect_nothing().await;
}
