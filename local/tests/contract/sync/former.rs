//! Who is removed learns of it once and of nothing after; who comes sees nothing before.

use serde_json::{Value, json};

use super::{device, sync, wait_until_delivered};
use crate::support::{TestServer, strings};

#[tokio::test]
async fn a_removal_is_told_once_and_nothing_after_it() {
    let server = TestServer::start().await;
    let (alice, bob, carol) = (
        server.user("alice").await,
        server.user("bob").await,
        server.user("carol").await,
    );
    let group = alice.make_group(&server, "group", &[&bob]).await;
    let (mut from, mut to) = (device(&server, &alice).await, device(&server, &bob).await);
    let before = from.say_in(&group, "before").await;
    wait_until_delivered(&server, &bob, 1).await;
    let known = sync(&mut to, &json!({})).await;
    to.close().await;

    from.say_in(&group, "missed").await;
    alice.remove_member(&server, &group, &bob).await.ok();
    from.say_in(&group, "after").await;
    alice.edit(&server, &before, "edited after").await;
    alice.set_member(&server, &group, &carol, None).await.ok();
    let path = format!("/conversations/{group}");
    alice
        .call(&server, "PATCH", &path, json!({"name": "renamed after"}))
        .await
        .ok();
    let mut to = device(&server, &bob).await;
    let synced = sync(&mut to, &known.versions).await;
    assert_eq!(strings(&synced.frames, "content"), ["missed"]);
    let removed = synced.of("member_removed");
    assert_eq!(
        (removed.len(), &removed[0]["user_id"], &removed[0]["name"]),
        (1, &json!(bob.id), &json!("group"))
    );
    assert!(synced.of("member_added").is_empty() && synced.of("conversation_updated").is_empty());
    assert_eq!(sync(&mut to, &synced.versions).await.frames, Vec::<Value>::new());
    // Who asks from the start sees the same end.
    let again = sync(&mut to, &json!({})).await;
    assert_eq!(
        (again.of("member_removed").len(), &again.versions),
        (1, &synced.versions)
    );
    assert!(
        !again.frames.iter().any(|frame| frame.to_string().contains("after")),
        "{:?}",
        again.frames
    );
}

#[tokio::test]
async fn what_was_edited_after_the_removal_is_not_pushed_on_connect_either() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let group = alice.make_group(&server, "group", &[&bob]).await;
    let mut from = device(&server, &alice).await;
    let edited = from.say_in(&group, "undelivered").await;
    from.say_in(&group, "undelivered, too").await;
    alice.remove_member(&server, &group, &bob).await.ok();
    alice.edit(&server, &edited, "edited after").await;
    let mut to = server.open(&bob).await;
    let pushed = to.take_until(|frame| frame["type"] == "sync_complete").await;
    assert_eq!(strings(&pushed, "content"), ["undelivered, too"]);
    wait_until_delivered(&server, &bob, 2).await;
    server.connect(&bob).await.expect_nothing().await;
}

#[tokio::test]
async fn a_newcomer_sees_nothing_before() {
    let server = TestServer::start().await;
    let (alice, bob, carol) = (
        server.user("alice").await,
        server.user("bob").await,
        server.user("carol").await,
    );
    let group = alice.make_group(&server, "group", &[&bob]).await;
    let mut from = device(&server, &alice).await;
    let before = from.say_in(&group, "before").await;
    alice.read(&server, &group, None).await.ok();
    alice.remove_member(&server, &group, &bob).await.ok();
    alice.set_member(&server, &group, &carol, None).await.ok();
    let mut newcomer = device(&server, &carol).await;
    alice.edit(&server, &before, "edited since").await;
    from.say_in(&group, "since").await;
    assert_eq!(newcomer.next_of("message").await["content"], "since");
    let synced = sync(&mut newcomer, &json!({})).await;
    assert_eq!(
        (synced.seqs(), strings(&synced.frames, "content")),
        (vec![2], vec!["since"])
    );
    assert!(
        !synced.frames.iter().any(|frame| frame["user_id"] == bob.id),
        "who was gone by then: {:?}",
        synced.frames
    );
    assert_eq!(synced.of("conversation_read"), Vec::<&Value>::new());
    let members: Vec<_> = synced
        .of("member_added")
        .iter()
        .map(|frame| frame["user_id"].clone())
        .collect();
    assert_eq!(members.len(), 2);
}

#[tokio::test]
async fn who_is_added_again_starts_anew() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let group = alice.make_group(&server, "group", &[&bob]).await;
    let (mut from, mut to) = (device(&server, &alice).await, device(&server, &bob).await);
    from.say_in(&group, "first time").await;
    wait_until_delivered(&server, &bob, 1).await;
    let known = sync(&mut to, &json!({})).await;
    alice.remove_member(&server, &group, &bob).await.ok();
    from.say_in(&group, "without him").await;
    alice.set_member(&server, &group, &bob, None).await.ok();
    from.say_in(&group, "second time").await;
    wait_until_delivered(&server, &bob, 3).await;
    server.functions_ended().await;
    let synced = sync(&mut to, &known.versions).await;
    assert_eq!(strings(&synced.frames, "content"), ["second time"]);
    assert_eq!(synced.of("member_added").len(), 1);
}
