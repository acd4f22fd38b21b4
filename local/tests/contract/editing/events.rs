//! What reaches the sockets of both users.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Chat, DELETIONS};
use crate::support::{Answer, Socket};

/// Two sockets of each user, after whatever was due to them.
async fn two_devices_each(chat: &Chat) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for user in [&chat.bob, &chat.bob, &chat.eve, &chat.eve] {
        let mut socket = chat.server.open(user).await;
        socket.take_until(|frame| frame["type"] == "sync_complete").await;
        sockets.push(socket);
    }
    sockets
}

/// The next frame of every socket, which must be the same.
async fn next_of_all(sockets: &mut [Socket]) -> Value {
    let first = sockets[0].next().await;
    for socket in &mut sockets[1..] {
        assert_eq!(socket.next().await, first);
    }
    first
}

async fn expect_nothing(sockets: &mut [Socket]) {
    for socket in sockets {
        socket.expect_nothing().await;
    }
}

#[tokio::test]
async fn every_connection_of_both_hears_of_edits_and_of_the_deletion() {
    let chat = Chat::start().await;
    let mut sockets = two_devices_each(&chat).await;
    let mut version = chat.sent["version"].as_i64().unwrap();
    for content in ["Good evening", " Bye "] {
        let answer = chat.edit(content).await.ok();
        let frame = next_of_all(&mut sockets).await;
        let expected = json!({
            "type": "message_edited",
            "id": chat.id,
            "content": content,
            "conversation_id": chat.sent["conversation_id"],
            "seq": chat.sent["seq"],
            "version": frame["version"],
            "edited_at": answer["edited_at"],
        });
        assert_eq!(frame, expected);
        assert!(frame["version"].as_i64().unwrap() > version, "{frame}");
        version = frame["version"].as_i64().unwrap();
    }
    chat.delete().await.ok();
    let frame = next_of_all(&mut sockets).await;
    let expected = json!({
        "type": "message_deleted",
        "id": chat.id,
        "conversation_id": chat.sent["conversation_id"],
        "seq": chat.sent["seq"],
        "version": frame["version"],
    });
    assert_eq!(frame, expected);
    assert!(frame["version"].as_i64().unwrap() > version, "{frame}");
    expect_nothing(&mut sockets).await;
}

#[tokio::test]
async fn a_repeated_deletion_and_what_was_refused_reach_nobody() {
    let chat = Chat::start().await;
    let mut sockets = two_devices_each(&chat).await;
    chat.edit(" ").await.refuses(&["content"]);
    let forged = chat.edit_by(&chat.eve, &chat.id).json(&json!({"content": "forged"}));
    Answer::to(forged).await.problem(403, "forbidden");
    chat.delete_by(&chat.eve, &chat.id, &DELETIONS[0])
        .await
        .problem(403, "forbidden");
    expect_nothing(&mut sockets).await;
    chat.delete().await.ok();
    assert_eq!(next_of_all(&mut sockets).await["type"], "message_deleted");
    for deletion in &DELETIONS {
        chat.delete_by(&chat.bob, &chat.id, deletion).await.ok();
    }
    chat.edit("too late").await.problem(404, "unknown_message");
    expect_nothing(&mut sockets).await;
}

#[tokio::test]
async fn nobody_else_hears_of_a_change() {
    let chat = Chat::start().await;
    let stranger = chat.server.user("mallory").await;
    let mut socket = chat.server.connect(&stranger).await;
    let mut sockets = two_devices_each(&chat).await;
    chat.edit("Good evening").await.ok();
    chat.delete().await.ok();
    for _ in 0..2 {
        next_of_all(&mut sockets).await;
    }
    socket.expect_nothing().await;
}

#[tokio::test]
async fn a_message_edited_while_its_receiver_was_away_comes_with_its_present_content() {
    let chat = Chat::start().await;
    let edited = chat.edit("Good evening").await.ok();
    let mut socket = chat.server.open(&chat.eve).await;
    let frames = socket.take(2).await;
    let mut expected = chat.sent.clone();
    expected["content"] = edited["content"].clone();
    expected["version"] = frames[0]["version"].clone();
    assert_eq!(frames[0], expected);
    assert!(
        frames[0]["version"].as_i64() > chat.sent["version"].as_i64(),
        "{}",
        frames[0]
    );
    assert_eq!(frames[1], json!({"type": "sync_complete", "has_more": false}));
}

#[tokio::test]
async fn a_message_deleted_while_its_receiver_was_away_never_comes() {
    let chat = Chat::start().await;
    chat.delete().await.ok();
    let mut eve = chat.server.connect(&chat.eve).await;
    let mut bob = chat.server.connect(&chat.bob).await;
    // What comes next is not held up by it.
    let next = bob.say(&chat.eve, "Are you there?").await;
    assert_eq!(eve.next().await, next);
}

#[tokio::test]
async fn concurrent_edits_are_told_in_versions_that_tell_who_came_last() {
    let chat = Chat::start().await;
    let mut socket = chat.server.open(&chat.eve).await;
    socket.take_until(|frame| frame["type"] == "sync_complete").await;
    let contents = ["a", "b", "c", "d", "e"];
    let edits = contents.map(|content| chat.edit(content));
    for answer in futures_util::future::join_all(edits).await {
        answer.ok();
    }
    let mut frames = socket.take(contents.len()).await;
    frames.sort_by_key(|frame| frame["version"].as_i64());
    let versions: Vec<_> = frames.iter().map(|frame| frame["version"].as_i64().unwrap()).collect();
    let first = chat.sent["version"].as_i64().unwrap();
    assert!(
        first < versions[0] && versions.windows(2).all(|pair| pair[0] < pair[1]),
        "{versions:?}"
    );
    let last = &frames[contents.len() - 1];
    let path = format!("/chats/{}", chat.bob.id);
    let history = Answer::to(chat.eve.request(&chat.server, Method::GET, &path))
        .await
        .ok();
    assert_eq!(history[0]["content"], last["content"]);
    assert_eq!(history[0]["edited_at"], last["edited_at"]);
}
