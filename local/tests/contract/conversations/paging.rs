//! Pages begin where they must, wherever that is found by an index that does not have everything.

use serde_json::Value;

use super::listing::page;
use crate::support::{TestServer, User};

/// Makes so many groups, which were active 3 minutes after each other; their members' rows say so up to 10 minutes too early.
async fn make_groups(server: &TestServer, owner: &User, count: i64) {
    let make = "with made as (
             insert into conversations (id, kind, name, member_count, created_at, last_message_at)
                 select gen_random_uuid(), 'group', n::text, 1, '2026-01-01Z', '2026-01-02Z'::timestamptz - n * interval '3 minutes'
                 from generate_series(1, $2::bigint) n
                 returning id, name, last_message_at
         )
         insert into members (conversation_id, user_id, active_at)
             select id, $1::text::uuid, last_message_at - (name::bigint * 7 % 10) * interval '59 seconds' from made";
    server.sql().await.execute(make, &[&owner.id, &count]).await.unwrap();
}

#[tokio::test]
async fn conversations_are_in_the_order_of_their_activity_across_pages_of_any_size() {
    let server = TestServer::start().await;
    server.lift_rate_limits().await;
    let ada = server.user("ada").await;
    make_groups(&server, &ada, 40).await;
    let expected: Vec<_> = (1..=40).map(|n| n.to_string()).collect();
    for limit in [1, 2, 7, 39, 40] {
        let mut names = Vec::new();
        let mut path = Some(format!("/conversations?limit={limit}"));
        while let Some(here) = path {
            let (items, next) = page(&server, &ada, &here).await;
            names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
            path = next;
        }
        assert_eq!(names, expected, "{limit} on a page");
    }
}

#[tokio::test]
async fn a_message_in_a_conversation_that_was_silent_for_long_brings_it_to_the_top() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let mut socket = server.connect(&ada).await;
    socket.say(&bob, "long ago").await;
    make_groups(&server, &ada, 30).await;
    let long_ago = "update conversations set created_at = '2025-01-01Z', last_message_at = '2025-01-01Z' where kind = 'direct';
         update members set active_at = '2025-01-01Z' where conversation_id in (select id from conversations where kind = 'direct')";
    server.sql().await.batch_execute(long_ago).await.unwrap();
    let first = async || ada.get(&server, "/conversations?limit=1").await[0].clone();
    assert_eq!(first().await["name"], "1");
    let sent = socket.say(&bob, "now").await;
    assert_eq!(first().await["id"], sent["conversation_id"]);
    let of_bob = bob.get(&server, "/conversations?limit=1").await[0].clone();
    assert_eq!(of_bob["id"], sent["conversation_id"]);
}

#[tokio::test]
async fn of_a_long_conversation_the_changes_after_any_version_and_the_history_before_any_time_are_found() {
    let server = TestServer::start().await;
    server.lift_rate_limits().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let mut socket = server.connect(&ada).await;
    let mut sent = Vec::new();
    for n in 0..100 {
        sent.push(socket.say(&bob, &n.to_string()).await);
    }
    let id = sent[0]["conversation_id"].as_str().unwrap().to_owned();
    // A second between two messages, as times in requests have no finer grain.
    let spread = "update messages set created_at = to_timestamp(1767225600 + seq);
         update milestones set created_at = to_timestamp(1767225600 + seq)";
    server.sql().await.batch_execute(spread).await.unwrap();
    for (n, message) in sent.iter().enumerate() {
        let changes = bob.changes(&server, &id, message["version"].as_i64().unwrap()).await;
        let next = changes["messages"][0]["seq"].as_i64();
        let expected = sent.get(n + 1).and_then(|message| message["seq"].as_i64());
        assert_eq!(next, expected);

        let time = 1_767_225_600 + message["seq"].as_i64().unwrap();
        let path = format!("/chats/{}?limit=1&before={time}", ada.id);
        let before = bob.get(&server, &path).await[0]["content"].clone();
        let expected = n.checked_sub(1).map_or(Value::Null, |n| n.to_string().into());
        assert_eq!(before, expected);
    }
}
