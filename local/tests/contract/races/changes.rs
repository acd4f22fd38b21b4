//! Parallel edits and deletions of one message.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{conversations, devices};
use crate::support::{TestServer, User};

async fn edit(server: &TestServer, user: &User, path: &str, content: String) -> StatusCode {
    let request = user
        .request(server, Method::PATCH, path)
        .json(&json!({"content": content}));
    request.send().await.unwrap().status()
}

async fn delete(server: &TestServer, user: &User, path: &str) -> StatusCode {
    user.request(server, Method::DELETE, path)
        .send()
        .await
        .unwrap()
        .status()
}

/// Asserts that a version never stands for two things, and returns the frame of each.
fn by_version(frames: &[Value]) -> BTreeMap<i64, &Value> {
    let mut versions = BTreeMap::new();
    for frame in frames {
        let known = versions.insert(frame["version"].as_i64().unwrap(), frame);
        assert!(known.is_none(), "{known:?} and {frame}");
    }
    versions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_edits_have_a_version_each_and_the_highest_is_what_stays() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut sockets = devices(&server, &alice, 2).await;
    sockets.extend(devices(&server, &bob, 2).await);
    let sent = sockets[0].say(&bob, "first").await;
    for socket in &mut sockets[1..] {
        socket.next().await;
    }
    let path = format!("/messages/{}", sent["id"].as_str().unwrap());
    let edits = (0..20).map(|index| edit(&server, &alice, &path, format!("edit {index}")));
    let answers = join_all(edits).await;
    assert!(answers.iter().all(|status| *status == StatusCode::OK), "{answers:?}");

    let mut stayed = BTreeSet::new();
    for socket in &mut sockets {
        let frames = socket.catch_up().await;
        assert!(
            frames
                .iter()
                .all(|frame| frame["type"] == "message_edited" && frame["seq"] == 1)
        );
        let versions = by_version(&frames);
        assert_eq!(versions.len(), 20);
        let times: Vec<_> = versions
            .values()
            .map(|frame| frame["edited_at"].as_str().unwrap())
            .collect();
        assert!(times.is_sorted(), "{times:?}");
        let (_, last) = versions.last_key_value().unwrap();
        stayed.insert(last["content"].as_str().unwrap().to_owned());
    }
    assert_eq!(bob.history(&server, &alice).await, Vec::from_iter(stayed));
    assert_eq!(conversations(&server).await, [(1, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_deletion_no_edit_has_a_higher_version() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    for _ in 0..4 {
        let sent = from.say(&bob, "first").await;
        to.next().await;
        let path = format!("/messages/{}", sent["id"].as_str().unwrap());
        let edits = join_all((0..5).map(|index| edit(&server, &alice, &path, format!("edit {index}"))));
        let deletions = join_all((0..5).map(|_| delete(&server, &alice, &path)));
        let (edits, deletions) = tokio::join!(edits, deletions);
        assert!(
            deletions.iter().all(|status| *status == StatusCode::OK),
            "{deletions:?}"
        );
        let (edited, late): (Vec<_>, Vec<_>) = edits.into_iter().partition(|status| *status == StatusCode::OK);
        assert!(late.iter().all(|status| *status == StatusCode::NOT_FOUND), "{late:?}");

        let frames = to.catch_up().await;
        assert_eq!(from.catch_up().await.len(), frames.len());
        let versions = by_version(&frames);
        assert_eq!(
            versions.len(),
            edited.len() + 1,
            "one for each edit, one for the deletion: {frames:?}"
        );
        assert!(*versions.keys().next().unwrap() > sent["version"].as_i64().unwrap());
        let last = versions.values().last().unwrap();
        assert_eq!(last["type"], "message_deleted");
        assert!(last.get("content").is_none());
    }
    assert!(bob.history(&server, &alice).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_and_edits_at_once_share_the_versions_of_their_conversation() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    let sent = from.say(&bob, "first").await;
    to.next().await;
    let path = format!("/messages/{}", sent["id"].as_str().unwrap());
    let edits = join_all((0..10).map(|index| edit(&server, &alice, &path, format!("edit {index}"))));
    let sends = async {
        for index in 0..8 {
            from.send(&crate::support::direct_message(&bob, &index.to_string()))
                .await;
        }
    };
    tokio::join!(edits, sends);
    assert_eq!(from.take(18).await.len(), 18);
    let frames = to.take(18).await;
    let versions = by_version(&frames);
    assert_eq!(versions.len(), 18);
    assert!(*versions.keys().next().unwrap() > sent["version"].as_i64().unwrap());
    assert_eq!(conversations(&server).await, [(9, 9)]);
}
