//! Presence is for contacts: who shares a group of up to 100, or a conversation in which both have written.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{acquaint, change_of, online_users};
use crate::support::{Socket, TestServer, User};

/// Whether somebody who is online is shown to a user who connects.
async fn sees(server: &TestServer, viewer: &User, online: &User) -> bool {
    let mut socket = server.open(viewer).await;
    let users = online_users(&mut socket).await;
    users.as_array().unwrap().contains(&json!(online.id))
}

#[tokio::test]
async fn strangers_and_those_who_never_answered_see_nothing() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (stranger, pest) = (server.user("stranger").await, server.user("pest").await);
    acquaint(&server, &alice, &bob).await;
    let mut of_pest = server.connect(&pest).await;
    of_pest.say(&alice, "hello?").await;
    let mut of_stranger = server.connect(&stranger).await;
    let mut of_bob = server.open(&bob).await;

    let mut of_alice = server.open(&alice).await;
    assert_eq!(online_users(&mut of_alice).await, json!([bob.id]));
    // Bob is told after all others would have been.
    assert_eq!(change_of(&mut of_bob, &alice).await["online"], true);
    for socket in [&mut of_pest, &mut of_stranger] {
        let frames = everything_by_now(socket).await;
        assert!(
            !frames.iter().any(|frame| frame["type"] == "presence_change"),
            "{frames:?}"
        );
    }
    assert!(!sees(&server, &pest, &alice).await);
    // An answer makes contacts of them.
    of_alice.next_of("sync_complete").await;
    of_alice.say(&pest, "who are you?").await;
    assert!(sees(&server, &pest, &alice).await);
}

async fn everything_by_now(socket: &mut Socket) -> Vec<Value> {
    socket.send(&json!({"type": "ping"})).await;
    socket.take_all_until(|frame| frame["type"] == "pong").await
}

#[tokio::test]
async fn members_of_a_group_see_each_other_until_one_is_removed() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let group = alice.make_group(&server, "group", &[&bob]).await;
    let _of_alice = server.open(&alice).await;
    assert!(sees(&server, &bob, &alice).await);
    alice.remove_member(&server, &group, &bob).await.ok();
    assert!(!sees(&server, &bob, &alice).await);
}

#[tokio::test]
async fn a_group_of_100_shows_its_members_and_one_of_101_does_not() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut members = server.crowd("crowd", 98).await;
    members.push(bob.id.clone());
    let wanted = json!({"name": "large", "user_ids": members});
    let answer = alice.call(&server, "POST", "/conversations", wanted).await;
    let group = answer.json()["id"].as_str().unwrap().to_owned();
    let _of_alice = server.open(&alice).await;
    assert!(sees(&server, &bob, &alice).await);

    let carol = server.user("carol").await;
    alice.set_member(&server, &group, &carol, None).await.ok();
    assert!(!sees(&server, &bob, &alice).await);
    alice.remove_member(&server, &group, &carol).await.ok();
    assert!(sees(&server, &bob, &alice).await);
}

#[tokio::test]
async fn more_than_1000_come_in_parts() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let crowd = server.crowd("crowd", 1100).await;
    let statement = "with others as (select id from users where id <> $1::text::uuid),
             made as (
                 insert into conversations (id, low_user, high_user)
                     select gen_random_uuid(), least(id, $1::text::uuid), greatest(id, $1::text::uuid) from others
                     returning id, low_user, high_user, created_at
             ),
             joined as (
                 insert into members (conversation_id, user_id, has_written, active_at)
                     select id, unnest(array[low_user, high_user]), true, created_at from made
             )
         insert into connections (id, user_id) select 'of ' || id, id from others";
    server.sql().await.execute(statement, &[&alice.id]).await.unwrap();
    let mut socket = server.open(&alice).await;
    let frames = socket.take_all_until(|frame| frame["type"] == "sync_complete").await;
    let parts: Vec<_> = frames.iter().filter_map(|frame| frame["users"].as_array()).collect();
    assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [1000, 100]);
    let named: BTreeSet<_> = parts
        .into_iter()
        .flatten()
        .map(|id| id.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(named, crowd.into_iter().collect());
}
