//! A connection's row is a lease: what is stale harms nobody, and goes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::{Options, TestServer, User, close_code, direct_message, named_message, receivers_copy, strings};

/// The end of a push on connect that brought everything.
fn complete() -> Value {
    json!({"type": "sync_complete", "has_more": false})
}

/// Writes the row of a connection that the gateway does not have, `age` old.
async fn insert_row(sql: &Client, user: &User, id: &str, age: &str, is_open: bool) {
    let opened_at = if is_open { "clock_timestamp()" } else { "null" };
    let statement = format!(
        "insert into connections (id, user_id, connected_at, opened_at)
             values ('{id}', '{}', clock_timestamp() - interval '{age}', {opened_at})",
        user.id
    );
    sql.batch_execute(&statement).await.unwrap();
}

/// Makes all leases of a user run out.
async fn expire(sql: &Client, user: &User) {
    let statement = format!(
        "update connections set connected_at = connected_at - interval '121 minutes' where user_id = '{}'",
        user.id
    );
    sql.batch_execute(&statement).await.unwrap();
}

/// Sees to it that no sweep is due.
async fn hold_sweeps(server: &TestServer) {
    server.empty_bucket("sweep-connections", Duration::from_hours(1)).await;
}

/// The connections of a user for which there are rows, the oldest first.
async fn rows(sql: &Client, user: &User) -> Vec<String> {
    let query = "select id from connections where user_id = $1::text::uuid order by connected_at";
    let rows = sql.query(query, &[&user.id]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn wait_until_gone(server: &TestServer, id: &str) {
    let query = format!("select not exists (select from connections where id = '{id}')");
    server.wait_until(&query).await;
}

#[tokio::test]
async fn a_stale_connection_of_either_fails_no_send_and_its_row_goes() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    let sql = server.sql().await;
    for user in [&bob, &alice] {
        let live = rows(&sql, user).await;
        insert_row(&sql, user, "stale", "1 second", true).await;
        let sent = from.say(&bob, "to whoever is there").await;
        assert_eq!(to.next().await, sent);
        wait_until_gone(&server, "stale").await;
        assert_eq!(rows(&sql, user).await, live);
    }
}

#[tokio::test]
async fn a_message_for_which_only_a_stale_connection_was_there_waits() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut from = server.connect(&alice).await;
    insert_row(&server.sql().await, &bob, "stale", "1 second", true).await;
    let sent = from.say(&bob, "to nobody").await;
    wait_until_gone(&server, "stale").await;
    let mut to = server.open(&bob).await;
    assert_eq!(to.take(2).await, [sent, complete()]);
}

#[tokio::test]
async fn a_connection_that_is_not_open_yet_keeps_its_row_for_as_long_as_a_handshake_may_take() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    let sql = server.sql().await;
    insert_row(&sql, &bob, "opening", "0 seconds", false).await;
    insert_row(&sql, &bob, "never opened", "31 seconds", false).await;
    let sent = from.say(&bob, "into a handshake").await;
    assert_eq!(to.next().await, sent);
    wait_until_gone(&server, "never opened").await;
    to.close().await;
    let is_left = format!("select count(*) = 1 from connections where user_id = '{}'", bob.id);
    server.wait_until(&is_left).await;
    // By the server's end everything has happened that follows a push.
    server.functions_ended().await;
    server.stop().await;
    assert_eq!(rows(&sql, &bob).await, ["opening"]);
}

#[tokio::test]
async fn a_lease_that_ran_out_is_pushed_nothing() {
    let server = TestServer::start().await;
    let sql = server.sql().await;
    hold_sweeps(&server).await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut old) = (server.connect(&alice).await, server.connect(&bob).await);
    // The gateway does not know this one: were anything pushed to it, its row would go.
    insert_row(&sql, &bob, "stale", "1 second", true).await;
    expire(&sql, &bob).await;
    let mut to = server.connect(&bob).await;
    let sent = from.say(&bob, "x").await;
    assert_eq!(to.next().await, sent);
    alice.edit(&server, &sent, "y").await;
    assert_eq!(to.next().await["type"], "message_edited");
    old.expect_nothing().await;
    assert_eq!(rows(&sql, &bob).await.len(), 3);
}

#[tokio::test]
async fn a_client_whose_lease_ran_out_is_sent_away_so_that_it_comes_back() {
    let server = TestServer::start().await;
    let sql = server.sql().await;
    hold_sweeps(&server).await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut from = server.connect(&alice).await;
    expire(&sql, &alice).await;
    from.send(&direct_message(&bob, "too late")).await;
    assert_eq!(close_code(&mut from).await, Some(1000));
    let mut again = server.connect(&alice).await;
    assert_eq!(again.say(&bob, "with a new lease").await["seq"], 1);
}

#[tokio::test]
async fn who_connects_sweeps_the_leases_that_ran_out() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let sql = server.sql().await;
    insert_row(&sql, &alice, "too old", "121 minutes", true).await;
    insert_row(&sql, &alice, "old", "119 minutes", true).await;
    insert_row(&sql, &bob, "too old as well", "3 days", false).await;
    let _socket = server.connect(&bob).await;
    wait_until_gone(&server, "too old").await;
    wait_until_gone(&server, "too old as well").await;
    assert_eq!(rows(&sql, &alice).await, ["old"]);
    assert_eq!(rows(&sql, &bob).await.len(), 1);
}

#[tokio::test]
async fn nobody_sweeps_twice_within_a_minute() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let sql = server.sql().await;
    hold_sweeps(&server).await;
    insert_row(&sql, &alice, "too old", "121 minutes", true).await;
    server.connect(&bob).await.close().await;
    // By the server's end everything has happened that follows a connect.
    server.functions_ended().await;
    server.stop().await;
    assert_eq!(rows(&sql, &alice).await, ["too old"]);
}

#[tokio::test]
async fn a_whole_chat_works_where_no_statement_is_prepared() {
    let server = TestServer::with(Options::environment("DATABASE_STATEMENTS", "unnamed")).await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);

    let frame = named_message(&bob, "first", "c1");
    let first = from.ask(&frame).await;
    assert_eq!(to.next().await, receivers_copy(&first));
    assert_eq!(from.ask(&frame).await, first, "a repeat");
    to.expect_nothing().await;
    let second = from.say(&bob, "second").await;
    assert_eq!(to.next().await, second);

    alice.edit(&server, &first, "first, edited").await;
    alice.delete(&server, &second).await;
    for socket in [&mut from, &mut to] {
        let changes = socket.take(2).await;
        assert_eq!(strings(&changes, "type"), ["message_edited", "message_deleted"]);
    }

    to.close().await;
    let waiting = from.say(&bob, "while away").await;
    let mut to = server.open(&bob).await;
    assert_eq!(to.take(2).await, [waiting, complete()]);
    for (user, other) in [(&alice, &bob), (&bob, &alice)] {
        let history = user.history(&server, other).await;
        assert_eq!(history, ["first, edited", "while away"]);
    }
}
