//! What is no sync, one at a time, one a second; and a database that fails midway.

use serde_json::{Value, json};

use super::{device, sync};
use crate::support::{Options, TestServer, only_in_process, wait_as_told};

#[tokio::test]
async fn versions_that_are_none_are_refused() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let mut socket = server.connect(&alice).await;
    let id = "00000000-0000-4000-8000-000000000000";
    let many: serde_json::Map<_, _> = (0..501)
        .map(|n| (format!("00000000-0000-4000-8000-{n:012}"), json!(1)))
        .collect();
    for versions in [
        json!([]),
        json!("all"),
        json!(7),
        json!({"not an id": 1}),
        json!({id: -1}),
        json!({id: "1"}),
        json!({id: 1.5}),
        json!({id: null}),
        json!({id: 10_000_000_000_000_000_000_u64}),
        Value::Object(many),
    ] {
        socket.send(&json!({"type": "sync", "versions": versions})).await;
        let refused = socket.next().await;
        assert_eq!(
            (&refused["code"], &refused["field"]),
            (&json!("invalid_field"), &json!("versions")),
            "{versions:.80}"
        );
    }
    // None of these was a sync: the first one that is need not wait.
    socket.send(&json!({"type": "sync"})).await;
    assert_eq!(
        socket.next().await,
        json!({"type": "sync_complete", "has_more": false, "versions": {}})
    );
}

#[tokio::test]
async fn conversations_of_others_are_neither_shown_nor_told_from_those_that_do_not_exist() {
    let server = TestServer::start().await;
    let (alice, bob, eve) = (
        server.user("alice").await,
        server.user("bob").await,
        server.user("eve").await,
    );
    let mut from = server.connect(&alice).await;
    let sent = from.say(&bob, "private").await;
    let theirs = sent["conversation_id"].as_str().unwrap();
    let nothing = "00000000-0000-4000-8000-000000000000";
    let synced = sync(&mut device(&server, &eve).await, &json!({theirs: 0, nothing: 0})).await;
    assert_eq!((synced.frames, synced.versions), (Vec::new(), json!({})));
}

#[tokio::test]
async fn one_connection_syncs_once_a_second_and_another_when_it_likes() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let (mut phone, mut tablet) = (server.connect(&alice).await, server.connect(&alice).await);
    let frame = json!({"type": "sync", "versions": {}});
    // The first one's end comes before the second begins, as otherwise it would be refused for another reason.
    phone.send(&frame).await;
    assert_eq!(phone.next().await["type"], "sync_complete");
    // On a busy machine one may take the whole second for which the next one is refused.
    let mut tries = 0;
    let refused = loop {
        phone.send(&frame).await;
        let answer = phone.next().await;
        tries += 1;
        if answer["type"] == "error" || tries == 20 {
            break answer;
        }
    };
    assert_eq!(refused["code"], "rate_limited", "{refused}");
    tablet.send(&frame).await;
    assert_eq!(tablet.next().await["type"], "sync_complete");
    // How long it has to wait is told exactly.
    wait_as_told(&refused).await;
    phone.send(&frame).await;
    assert_eq!(phone.next().await["type"], "sync_complete");
}

#[tokio::test]
async fn a_second_sync_is_refused_while_the_first_one_runs() {
    if only_in_process(
        "a function answers once its sync is over, and only then the gateway reads the connection's next frame",
    ) {
        return;
    }
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    server.leave_messages(&alice, &bob, 1).await;
    let mut socket = device(&server, &bob).await;
    let sql = server.sql().await;
    sql.batch_execute("begin; lock table messages in access exclusive mode")
        .await
        .unwrap();
    let frame = json!({"type": "sync", "versions": {}});
    socket.send(&frame).await;
    let is_waiting =
        "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')";
    server.wait_until(is_waiting).await;
    socket.send(&frame).await;
    assert_eq!(socket.next().await["code"], "rate_limited");
    sql.batch_execute("rollback").await.unwrap();
    let frames = socket.take_until(|frame| frame["type"] == "sync_complete").await;
    assert_eq!(frames[0]["content"], "waiting 1");
}

#[tokio::test]
async fn a_database_that_fails_midway_is_told_and_a_later_sync_brings_everything() {
    let server = TestServer::with(Options::environment("DATABASE_TIMEOUT_MS", "3000")).await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    server.leave_messages(&alice, &bob, 3).await;
    let mut socket = device(&server, &bob).await;
    let sql = server.sql().await;
    sql.batch_execute("begin; lock table messages in access exclusive mode")
        .await
        .unwrap();
    socket.send(&json!({"type": "sync", "versions": {}})).await;
    let failure = socket.next().await;
    assert_eq!(
        (&failure["type"], &failure["code"]),
        (&json!("error"), &json!("unavailable"))
    );
    sql.batch_execute("rollback").await.unwrap();
    // A database that did not answer is left alone for a moment, and the sync that was given up may count as one that runs.
    let frames = loop {
        socket.send(&json!({"type": "sync", "versions": {}})).await;
        let is_end = |frame: &Value| frame["type"] == "sync_complete" || frame["type"] == "error";
        let frames = socket.take_until(is_end).await;
        match frames.last().unwrap()["code"].as_str() {
            Some("rate_limited") => wait_as_told(frames.last().unwrap()).await,
            Some(code) => assert_eq!(code, "unavailable"),
            None => break frames,
        }
    };
    assert_eq!(frames.len(), 4, "{frames:?}");
}
