//! Whoever vanishes without a word is found out, and then told of.

use serde_json::json;

use super::{acquaint, change_of, online_users, version};
use crate::support::{TestServer, User};

/// Writes the row of a connection that the gateway does not have.
async fn pretend_online(server: &TestServer, user: &User, age: &str) {
    let statement = format!(
        "insert into connections (id, user_id, connected_at, opened_at)
             values ('stale', '{}', clock_timestamp() - interval '{age}', clock_timestamp())",
        user.id
    );
    server.sql().await.batch_execute(&statement).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_turns_out_to_be_gone_is_told_as_its_end() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    acquaint(&server, &alice, &bob).await;
    let mut watcher = server.connect(&alice).await;
    pretend_online(&server, &bob, "1 second").await;
    watcher.say(&bob, "are you there?").await;
    assert_eq!(change_of(&mut watcher, &bob).await["online"], false);
}

#[tokio::test]
async fn a_lease_that_ran_out_is_nobody_and_its_sweep_is_told() {
    let server = TestServer::start().await;
    let (alice, bob, carol) = (
        server.user("alice").await,
        server.user("bob").await,
        server.user("carol").await,
    );
    acquaint(&server, &alice, &bob).await;
    let mut watcher = server.connect(&alice).await;
    pretend_online(&server, &bob, "121 minutes").await;
    let mut second = server.open(&alice).await;
    assert_eq!(online_users(&mut second).await, json!([]));
    // Whoever connects once a sweep is due makes it.
    server.refill().await;
    let _sweeper = server.connect(&carol).await;
    assert_eq!(change_of(&mut watcher, &bob).await["online"], false);
}

#[tokio::test]
async fn who_comes_back_while_an_old_lease_is_not_swept_comes_online() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    acquaint(&server, &alice, &bob).await;
    let mut watcher = server.connect(&alice).await;
    pretend_online(&server, &bob, "121 minutes").await;
    let device = server.open(&bob).await;
    let came = change_of(&mut watcher, &bob).await;
    assert_eq!(came["online"], true);
    device.close().await;
    assert_eq!(version(&change_of(&mut watcher, &bob).await), version(&came) + 1);
}

#[tokio::test]
async fn a_gateway_that_starts_knows_that_nobody_is_there() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    acquaint(&server, &alice, &bob).await;
    let state = format!(
        "select presence_version, last_seen::text from users where id = '{}'",
        bob.id
    );
    let before = server.sql().await.query_one(&state, &[]).await.unwrap();
    // What a gateway that was killed leaves behind.
    pretend_online(&server, &bob, "1 second").await;
    let server = server.restart().await;
    let after = server.sql().await.query_one(&state, &[]).await.unwrap();
    assert_eq!(after.get::<_, i64>(0), before.get::<_, i64>(0) + 1);
    assert_ne!(after.get::<_, Option<String>>(1), before.get::<_, Option<String>>(1));
    let mut socket = server.open(&alice).await;
    assert_eq!(online_users(&mut socket).await, json!([]));
}
