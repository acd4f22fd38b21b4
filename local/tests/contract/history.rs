//! `GET /chats/{userId}`: paging back through a conversation.

mod paging;
mod read_times;

use chrono::{DateTime, FixedOffset};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestServer, User};

const NOBODY: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

/// The answer to `user` asking for the chat with `other`, with a query that begins with `?` or is empty.
async fn ask(server: &TestServer, user: &User, other: &str, query: &str) -> Answer {
    let path = format!("/chats/{other}{query}");
    Answer::to(user.request(server, Method::GET, &path)).await
}

/// Sends messages one after the other and returns their ids, oldest first.
async fn write(server: &TestServer, from: &User, to: &User, contents: &[&str]) -> Vec<String> {
    let mut socket = server.open(from).await;
    socket.take_until(|frame| frame["type"] == "sync_complete").await;
    let mut ids = Vec::new();
    for (number, content) in contents.iter().enumerate() {
        if number % 10 == 0 {
            server.refill().await;
        }
        let message = socket.say(to, content).await;
        ids.push(message["id"].as_str().unwrap().to_owned());
    }
    socket.close().await;
    ids
}

async fn delete(server: &TestServer, user: &User, message: &str) {
    let path = format!("/messages/{message}");
    Answer::to(user.request(server, Method::DELETE, &path)).await.ok();
}

/// The members `name` of a page's items.
fn pluck<'a>(page: &'a Value, name: &str) -> Vec<&'a str> {
    let items = page.as_array().unwrap().iter();
    items.map(|item| item[name].as_str().unwrap()).collect()
}

fn time(value: &Value) -> DateTime<FixedOffset> {
    let text = value.as_str().unwrap();
    assert!(text.ends_with('Z'), "{text}");
    DateTime::parse_from_rfc3339(text).unwrap()
}

#[tokio::test]
async fn an_item_has_exactly_the_members_of_the_contract() {
    let server = TestServer::start().await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    let mut socket = server.connect(&bob).await;
    let sent = socket.say(&eve, "  Hello \n").await;
    let path = format!("/messages/{}", sent["id"].as_str().unwrap());
    let mut expected = json!([{
        "id": sent["id"],
        "from": bob.id,
        "to": eve.id,
        "content": "  Hello \n",
        "timestamp": sent["created_at"],
        "edited_at": null,
        "is_read": false,
        "read_at": null,
    }]);
    for (user, other) in [(&bob, &eve), (&eve, &bob)] {
        assert_eq!(ask(&server, user, &other.id, "").await.ok(), expected);
    }

    let edit = bob
        .request(&server, Method::PATCH, &path)
        .json(&json!({"content": "Good evening"}));
    let edited = Answer::to(edit).await.ok();
    expected[0]["content"] = json!("Good evening");
    expected[0]["edited_at"] = edited["edited_at"].clone();
    for (user, other) in [(&bob, &eve), (&eve, &bob)] {
        assert_eq!(ask(&server, user, &other.id, "").await.ok(), expected);
    }
    assert!(time(&expected[0]["edited_at"]) > time(&expected[0]["timestamp"]));
}

#[tokio::test]
async fn the_newest_comes_first_whoever_wrote_it() {
    let server = TestServer::start().await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    write(&server, &bob, &eve, &["1", "2"]).await;
    write(&server, &eve, &bob, &["3"]).await;
    write(&server, &bob, &eve, &["4"]).await;
    let page = ask(&server, &eve, &bob.id, "").await.ok();
    assert_eq!(pluck(&page, "content"), ["4", "3", "2", "1"]);
    assert_eq!(pluck(&page, "from"), [&*bob.id, &eve.id, &bob.id, &bob.id]);
    assert_eq!(pluck(&page, "to"), [&*eve.id, &bob.id, &eve.id, &eve.id]);
    let times: Vec<_> = page
        .as_array()
        .unwrap()
        .iter()
        .map(|item| time(&item["timestamp"]))
        .collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
}

#[tokio::test]
async fn a_deleted_message_never_appears() {
    let server = TestServer::start().await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    let ids = write(&server, &bob, &eve, &["1", "2", "3"]).await;
    delete(&server, &bob, &ids[1]).await;
    for (user, other) in [(&bob, &eve), (&eve, &bob)] {
        let page = ask(&server, user, &other.id, "").await.ok();
        assert_eq!(pluck(&page, "content"), ["3", "1"]);
    }
    delete(&server, &bob, &ids[0]).await;
    delete(&server, &bob, &ids[2]).await;
    assert_eq!(ask(&server, &eve, &bob.id, "").await.ok(), json!([]));
}

#[tokio::test]
async fn nobody_sees_a_conversation_of_others() {
    let server = TestServer::start().await;
    let (bob, eve, mallory) = (
        server.user("bob").await,
        server.user("eve").await,
        server.user("mallory").await,
    );
    let ids = write(&server, &bob, &eve, &["a secret"]).await;
    write(&server, &mallory, &bob, &["hello"]).await;
    assert_eq!(ask(&server, &mallory, &eve.id, "").await.ok(), json!([]));
    let page = ask(&server, &mallory, &bob.id, "").await.ok();
    assert_eq!(pluck(&page, "content"), ["hello"]);
    for other in [&eve.id, &bob.id] {
        ask(&server, &mallory, other, &format!("?before={}", ids[0]))
            .await
            .refuses(&["before"]);
    }
}

#[tokio::test]
async fn two_who_never_wrote_have_an_empty_conversation_and_so_has_one_with_oneself() {
    let server = TestServer::start().await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    for other in [&eve.id, &bob.id] {
        for query in ["", "?limit=1", "?before=1705312800"] {
            let answer = ask(&server, &bob, other, query).await;
            assert_eq!(answer.ok(), json!([]));
            assert_eq!(answer.header("link"), None);
        }
        ask(&server, &bob, other, &format!("?before={NOBODY}"))
            .await
            .refuses(&["before"]);
    }
}

#[tokio::test]
async fn the_other_user_must_exist() {
    let server = TestServer::start().await;
    let bob = server.user("bob").await;
    ask(&server, &bob, NOBODY, "").await.problem(404, "unknown_user");
    for id in [
        "bob",
        "1",
        "67e55044",
        "%00",
        "%FF",
        "%2E%2E%2E",
        "67e5504410b1426f9247bb680e5fe0c8",
    ] {
        ask(&server, &bob, id, "").await.refuses(&["userId"]);
    }
    ask(&server, &bob, "..%2Fusers%2Fme", "").await.refuses(&["userId"]);
}

#[tokio::test]
async fn an_id_is_read_in_upper_case_and_answered_in_lower_case() {
    let server = TestServer::start().await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    let ids = write(&server, &bob, &eve, &["1", "2"]).await;
    let other = eve.id.to_uppercase();
    assert_ne!(other, eve.id);
    let answer = ask(
        &server,
        &bob,
        &other,
        &format!("?limit=1&before={}", ids[1].to_uppercase()),
    )
    .await;
    let page = answer.ok();
    let item = &page[0];
    assert_eq!(
        (&item["id"], &item["to"], &item["from"]),
        (&json!(ids[0]), &json!(eve.id), &json!(bob.id))
    );
    let first = ask(&server, &bob, &other, "?limit=1").await;
    assert_eq!(first.ok()[0]["id"], ids[1].as_str());
    let link = first.header("link").unwrap();
    assert!(link.contains(&eve.id) && link.contains(&ids[1]), "{link}");
}
