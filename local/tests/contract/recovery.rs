//! What failed halfway is done later: undelivered messages under a database that hangs or a client that does not read, abandoned
//! statements, connections beyond the limit.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;

use crate::resilience::send_until_stored;
use crate::support::{Options, TestServer, direct_message, only_in_process};

/// A server whose statements may take no longer than a busy machine needs for them.
async fn impatient_server() -> TestServer {
    TestServer::with(Options::environment("DATABASE_TIMEOUT_MS", "3000")).await
}

/// Whether sessions of this database wait for a lock.
const IS_WAITING: &str = "select exists (
    select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
)";
const NOBODY_WAITS: &str = "select not exists (
    select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
)";

#[tokio::test]
async fn a_push_on_connect_that_the_database_fails_is_tried_again() {
    let server = impatient_server().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let mut from = server.connect(&ada).await;
    from.say(&bob, "waiting").await;

    let sql = server.sql().await;
    sql.batch_execute("begin; lock table read_marks, members in access exclusive mode")
        .await
        .unwrap();
    let mut to = server.open(&bob).await;
    server.wait_until(IS_WAITING).await;
    // It is given up, and cancelled.
    server.wait_until(NOBODY_WAITS).await;
    sql.batch_execute("rollback").await.unwrap();
    let frames = to.take(2).await;
    assert_eq!(frames[0]["content"], "waiting");
    assert_eq!(frames[1], json!({"type": "sync_complete", "has_more": false}));
}

#[tokio::test]
async fn a_send_that_takes_too_long_is_unavailable_and_leaves_nothing_behind() {
    let server = impatient_server().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let mut from = server.connect(&ada).await;
    from.say(&bob, "first").await;

    let sql = server.sql().await;
    sql.batch_execute("begin; select from conversations for update")
        .await
        .unwrap();
    let frame = json!({"type": "direct_message", "to": bob.id, "content": "second", "client_id": "c1"});
    from.send(&frame).await;
    assert_eq!(from.next().await["code"], "unavailable");
    server.wait_until(NOBODY_WAITS).await;
    sql.batch_execute("rollback").await.unwrap();
    // A database that did not answer is left alone for a moment.
    assert_eq!(send_until_stored(&mut from, &frame).await["seq"], 2);
    assert_eq!(bob.history(&server, &ada).await, ["first", "second"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_did_not_read_gets_everything_once_it_reads_with_no_further_send() {
    if only_in_process(
        "a function can't wait for a client that reads too slowly: the next send or connect brings what it lacks",
    ) {
        return;
    }
    let server = TestServer::with(Options::patient()).await;
    server.lift_rate_limits().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let mut to = server.open_with_small_buffers(&bob).await;
    assert_eq!(to.next().await["type"], "sync_complete");
    let mut from = server.connect(&ada).await;
    // More than the kernel's buffers and the connection's queue take together.
    let large = "😀".repeat(4096);
    let count = 600;
    for _ in 0..count {
        from.ask(&direct_message(&bob, &large)).await;
    }
    let mut seqs = BTreeSet::new();
    while seqs.len() < count {
        let frame = to.next().await;
        seqs.insert(frame["seq"].as_i64().unwrap());
    }
    assert_eq!(seqs.last().copied(), Some(i64::try_from(count).unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_connect_at_once_32_connections_stay() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let mut sockets = join_all((0..40).map(|_| server.open(&ada))).await;
    server
        .wait_until("select count(*) = 32 and count(opened_at) = 32 from connections")
        .await;
    // Who was pushed out is closed; the others answer.
    let mut open = 0;
    for socket in &mut sockets {
        socket.try_send(&json!({"type": "ping"})).await;
        let is_open = loop {
            match socket.try_next().await {
                Some(frame) if frame["type"] == "pong" => break true,
                Some(_) => {}
                None => break false,
            }
        };
        open += usize::from(is_open);
    }
    assert_eq!(open, 32);
}
