//! Syncs and reconnects while everything moves.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{device, sync, sync_to_the_end};
use crate::support::{Options, Socket, TestServer, User, direct_message};

/// Edits 400 messages without end. There are never more changes than one sync may bring, however quick the edits are.
async fn pour_edits(server: &TestServer, stop: CancellationToken) {
    let sql = server.sql().await;
    let edit = "with turn as (update conversations set version = version + 1 returning id, version)
         update messages set content = 'edited ' || turn.version, version = turn.version, edited_at = clock_timestamp()
         from turn where conversation_id = turn.id and seq = turn.version % 400 + 1";
    while !stop.is_cancelled() {
        sql.execute(edit, &[]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_while_edits_pour_in_and_then_nothing_is_missing() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    server.leave_messages(&alice, &bob, 700).await;
    let mut socket = server.open(&bob).await;
    let stop = CancellationToken::new();
    let follow = async {
        let mut synced = sync_to_the_end(&mut socket, &json!({})).await;
        let stored: BTreeSet<_> = synced
            .of("direct_message")
            .iter()
            .map(|frame| frame["seq"].as_i64().unwrap())
            .collect();
        assert_eq!(stored, (1..=700).collect());
        for _ in 0..2 {
            let next = sync(&mut socket, &synced.versions).await;
            synced.frames.extend(next.frames);
            synced.versions = next.versions;
        }
        stop.cancel();
        synced
    };
    let (mut synced, ()) = tokio::join!(follow, pour_edits(&server, stop.clone()));
    let rest = sync_to_the_end(&mut socket, &synced.versions).await;
    synced.frames.extend(rest.frames);

    // The higher version wins; what came by itself meanwhile is the same.
    let mut known = std::collections::BTreeMap::new();
    for frame in synced.frames.iter().filter(|frame| frame["id"].is_string()) {
        let seen = known.entry(frame["seq"].as_i64().unwrap()).or_insert((0, Value::Null));
        let version = frame["version"].as_i64().unwrap();
        if version > seen.0 {
            *seen = (version, frame["content"].clone());
        }
    }
    let sql = server.sql().await;
    let rows = sql
        .query("select seq, version, content from messages order by seq", &[])
        .await
        .unwrap();
    let stored = rows.iter().map(|row| {
        (
            row.get::<_, i64>(0),
            (row.get::<_, i64>(1), json!(row.get::<_, String>(2))),
        )
    });
    assert_eq!(known, stored.collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reconnects_again_and_again_gets_each_message_and_sees_no_hole() {
    let server = TestServer::start().await;
    server.lift_rate_limits().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut from = server.connect(&alice).await;
    let count = 400;
    let write = async {
        for _ in 0..count {
            from.ask(&direct_message(&bob, "x")).await;
        }
    };
    let read = async {
        let (mut seqs, mut versions) = (BTreeSet::new(), json!({}));
        // However it is interrupted: what one socket did not bring the next one does.
        while seqs.len() < count {
            let mut socket = server.open(&bob).await;
            let synced = sync(&mut socket, &versions).await;
            note_seqs(&mut seqs, &synced.frames);
            versions = synced.versions;
            socket.send(&json!({"type": "ping"})).await;
            let frames = socket.take_all_until(|frame| frame["type"] == "pong").await;
            note_seqs(&mut seqs, &frames);
            socket.cut();
        }
        seqs
    };
    let ((), seqs) = tokio::join!(write, read);
    assert_eq!(seqs, (1..=400).collect());
}

fn note_seqs(seqs: &mut BTreeSet<i64>, frames: &[Value]) {
    let messages = frames.iter().filter(|frame| frame["type"] == "direct_message");
    seqs.extend(messages.map(|frame| frame["seq"].as_i64().unwrap()));
}

/// Leaves messages that are large together.
async fn leave_much(server: &TestServer, from: &User, to: &User) {
    server.leave_messages(from, to, 400).await;
    let enlarge = "update messages set content = repeat('😀', 4096); update members set delivered_seq = 400";
    server.sql().await.batch_execute(enlarge).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_slowly_is_waited_for_and_holds_up_nobody() {
    let server = TestServer::with(Options::patient()).await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    leave_much(&server, &alice, &bob).await;
    let mut slow = server.open_with_small_buffers(&bob).await;
    slow.next_of("sync_complete").await;
    slow.send(&json!({"type": "sync", "versions": {}})).await;
    // While nobody reads there, the same user's other devices and everybody else go on.
    let mut quick: Socket = device(&server, &bob).await;
    assert_eq!(sync_to_the_end(&mut quick, &json!({})).await.seqs().len(), 400);
    let mut from = device(&server, &alice).await;
    from.say(&bob, "meanwhile").await;
    assert_eq!(quick.next_of("direct_message").await["content"], "meanwhile");

    let is_end = |frame: &Value| frame.get("versions").is_some() || frame["type"] == "error";
    let mut frames = slow.take_all_until(is_end).await;
    let end = frames.pop().unwrap();
    // If its time was over before it was read to its end, the next one goes on.
    if end["has_more"] != false {
        let versions = end.get("versions").cloned().unwrap_or(json!({}));
        frames.extend(sync_to_the_end(&mut slow, &versions).await.frames);
    }
    let mut seqs = BTreeSet::new();
    note_seqs(&mut seqs, &frames);
    assert!((1..=400).all(|seq| seqs.contains(&seq)), "{seqs:?}");
}

/// Its audience was read before the device was there, so nobody tells it to the device live.
#[tokio::test]
async fn an_edit_that_commits_late_reaches_a_device_that_synced_meanwhile() {
    let server = TestServer::with(Options::environment("DATABASE_TIMEOUT_MS", "60000")).await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let sent = device(&server, &alice).await.say(&bob, "before").await;
    // Where it was delivered already, no mark waits for the commit.
    let deliver = "update members set delivered_seq = 1";
    server.sql().await.batch_execute(deliver).await.unwrap();
    let commits = server.hold_commits("update").await;
    let edit = alice.edit(&server, &sent, "after");
    let look = async {
        commits.wait_for_one().await;
        let mut to = device(&server, &bob).await;
        let nothing = json!({});
        tokio::join!(sync(&mut to, &nothing), commits.let_go_once_awaited()).0
    };
    let (synced, ()) = tokio::join!(look, edit);
    let contents: Vec<_> = synced
        .of("direct_message")
        .iter()
        .map(|frame| &frame["content"])
        .collect();
    assert_eq!(contents.last(), Some(&&json!("after")), "{:?}", synced.frames);
}
