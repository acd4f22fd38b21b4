//! A sync has 500 frames at most, of 500 conversations, and tells how to go on.

use serde_json::{Value, json};

use super::{device, sync, sync_to_the_end};
use crate::support::{TestServer, User};

/// Leaves messages that were delivered already.
async fn leave_delivered(server: &TestServer, from: &User, to: &User, count: u32) {
    server.leave_messages(from, to, count).await;
    let all = "update members set delivered_seq = (select last_seq from conversations where id = conversation_id)";
    server.sql().await.batch_execute(all).await.unwrap();
}

#[tokio::test]
async fn each_sync_goes_on_where_the_one_before_it_ended() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    leave_delivered(&server, &alice, &bob, 1001).await;
    let mut device = device(&server, &bob).await;
    let mut versions = json!({});
    for (seqs, has_more) in [(1..=500, true), (501..=1000, true), (1001..=1001, false)] {
        let synced = sync(&mut device, &versions).await;
        assert_eq!(synced.seqs(), seqs.collect::<Vec<i64>>());
        assert_eq!(synced.has_more, has_more);
        versions = synced.versions;
    }
    assert_eq!(sync(&mut device, &versions).await.frames, Vec::<Value>::new());
}

#[tokio::test]
async fn exactly_500_frames_are_all() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    leave_delivered(&server, &alice, &bob, 500).await;
    let synced = sync(&mut device(&server, &bob).await, &json!({})).await;
    assert_eq!((synced.frames.len(), synced.has_more), (500, false));
}

#[tokio::test]
async fn changes_come_once_each_over_the_bound_and_in_their_order() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    leave_delivered(&server, &alice, &bob, 800).await;
    // Every message was edited, the last one first.
    let edit_all =
        "update messages set content = 'edited ' || seq, edited_at = clock_timestamp(), version = 1601 - seq;
         update conversations set version = 1600";
    server.sql().await.batch_execute(edit_all).await.unwrap();
    let conversation = bob.open_direct(&server, &alice).await;
    let mut device = device(&server, &bob).await;
    let synced = sync_to_the_end(&mut device, &json!({&conversation: 800})).await;
    assert_eq!(synced.of("message_edited").len(), 800);
    assert_eq!(synced.seqs(), (1..=800).rev().collect::<Vec<i64>>());
    assert_eq!(synced.versions, json!({&conversation: 1600}));
}

#[tokio::test]
async fn a_message_that_is_new_comes_once_however_often_it_changed() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    leave_delivered(&server, &alice, &bob, 400).await;
    let edit_all = "update messages set content = 'edited ' || seq, edited_at = clock_timestamp(), version = 801 - seq;
         update conversations set version = 800";
    server.sql().await.batch_execute(edit_all).await.unwrap();
    let conversation = bob.open_direct(&server, &alice).await;
    // Who knows the first half as it was stored gets the second half as new and the first half as edited.
    let synced = sync(&mut device(&server, &bob).await, &json!({&conversation: 200})).await;
    let of_new = synced
        .of("direct_message")
        .into_iter()
        .map(|frame| frame["seq"].as_i64().unwrap());
    assert_eq!(of_new.collect::<Vec<_>>(), (201..=400).collect::<Vec<_>>());
    let of_edited = synced
        .of("message_edited")
        .into_iter()
        .map(|frame| frame["seq"].as_i64().unwrap());
    assert_eq!(of_edited.collect::<Vec<_>>(), (1..=200).rev().collect::<Vec<_>>());
    assert!(!synced.has_more);
}

#[tokio::test]
async fn the_bound_counts_over_all_conversations() {
    let server = TestServer::start().await;
    let bob = server.user("bob").await;
    for name in ["alice", "carol", "dave"] {
        let sender = server.user(name).await;
        leave_delivered(&server, &sender, &bob, 300).await;
    }
    let mut device = device(&server, &bob).await;
    let first = sync(&mut device, &json!({})).await;
    assert_eq!((first.seqs().len(), first.has_more), (500, true));
    let second = sync(&mut device, &first.versions).await;
    assert_eq!((second.seqs().len(), second.has_more), (400, false));
    assert_eq!(second.versions.as_object().unwrap().len(), 3);
    let mut ids: Vec<_> = [first.frames, second.frames]
        .concat()
        .iter()
        .map(|frame| frame["id"].to_string())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 900);
}

/// Opens as many direct conversations, the last one the newest.
async fn open_many(server: &TestServer, user: &User, count: i32) -> Vec<String> {
    server.crowd("crowd", count).await;
    let statement =
        "with others as (select id, row_number() over (order by id) as n from users where id <> $1::text::uuid),
             made as (
                 insert into conversations (id, low_user, high_user, version, name_version, created_at)
                     select gen_random_uuid(), least(id, $1::text::uuid), greatest(id, $1::text::uuid), 1, 0,
                         clock_timestamp() + n * interval '1 second' from others
                     returning id, low_user, high_user, created_at
             ),
             joined as (
                 insert into members (conversation_id, user_id, read_seq, marks_version, active_at)
                     select id, unnest(array[low_user, high_user]), 1, 1, created_at from made
             )
         select id::text from made order by created_at desc";
    let rows = server.sql().await.query(statement, &[&user.id]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn of_more_than_500_conversations_it_looks_at_those_that_are_named_and_the_newest() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let newest_first = open_many(&server, &alice, 510).await;
    let mut device = device(&server, &alice).await;
    // Both users' marks of each: 1,000 frames.
    let synced = sync_to_the_end(&mut device, &json!({})).await;
    let named = |synced: &Value| -> Vec<String> { synced.as_object().unwrap().keys().cloned().collect() };
    let mut expected = newest_first[..500].to_vec();
    expected.sort();
    assert_eq!(named(&synced.versions), expected);
    assert_eq!(synced.of("conversation_read").len(), 1000);

    let oldest = &newest_first[509];
    let synced = sync(&mut device, &json!({oldest: 0})).await;
    assert_eq!(synced.frames[0]["conversation_id"], **oldest);
}

#[tokio::test]
async fn a_new_conversation_is_found_beside_500_that_are_known() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    server.crowd("other", 500).await;
    let know_each_other = format!(
        "insert into conversations (id, low_user, high_user)
             select gen_random_uuid(), least(id, '{bob}'), greatest(id, '{bob}') from users where id not in ('{alice}', '{bob}');
         insert into members (conversation_id, user_id, active_at)
             select id, unnest(array[low_user, high_user]), created_at from conversations",
        alice = alice.id,
        bob = bob.id,
    );
    server.sql().await.batch_execute(&know_each_other).await.unwrap();
    let mut device = device(&server, &bob).await;
    let known = sync(&mut device, &json!({})).await.versions;
    assert_eq!(known.as_object().unwrap().len(), 500);
    server.leave_messages(&alice, &bob, 1).await;
    let synced = sync(&mut device, &known).await;
    assert_eq!((synced.seqs(), synced.has_more), (vec![1], false));
}
