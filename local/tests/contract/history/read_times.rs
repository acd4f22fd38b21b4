//! What a page of history tells of reading.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::write;
use crate::support::{TestServer, User};

/// A conversation in which Bob wrote `n` messages to Ada.
async fn conversation_of(n: u32) -> (TestServer, User, User, String) {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    server.leave_messages(&bob, &ada, n).await;
    let id = ada.open_direct(&server, &bob).await;
    (server, ada, bob, id)
}

#[tokio::test]
async fn the_history_tells_what_was_read_and_when_the_mark_passed_it() {
    let (server, ada, bob, id) = conversation_of(3).await;
    write(&server, &ada, &bob, &["own"]).await;
    let history = async || bob.get(&server, &format!("/chats/{}", ada.id)).await;
    let marks = |page: &Value| {
        let items = page.as_array().unwrap().iter().rev();
        items
            .map(|item| (item["is_read"].clone(), item["read_at"].clone()))
            .collect::<Vec<_>>()
    };
    let unread = (json!(false), Value::Null);
    assert_eq!(marks(&history().await), vec![unread.clone(); 4]);

    ada.read(&server, &id, Some(1)).await.ok();
    let first = marks(&history().await);
    assert_eq!(
        (&first[0].0, &first[1], &first[2], &first[3]),
        (&json!(true), &unread, &unread, &unread)
    );
    let read_at = first[0].1.as_str().unwrap();
    assert!(
        read_at.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(read_at).is_ok(),
        "{read_at}"
    );

    ada.read(&server, &id, None).await.ok();
    let second = marks(&history().await);
    assert_eq!(second[0], first[0]);
    assert_eq!((&second[1].0, &second[1]), (&json!(true), &second[2]));
    assert!(second[1].1.as_str() > Some(read_at));
    assert_eq!(second[3], unread, "Ada's own is read by Bob, not by her");
    // Both see the same.
    assert_eq!(history().await, ada.get(&server, &format!("/chats/{}", bob.id)).await);
    bob.read(&server, &id, None).await.ok();
    assert_eq!(marks(&history().await)[3].0, true);
}

#[tokio::test]
async fn a_message_was_read_at_the_same_time_in_whichever_page_it_is() {
    let (server, ada, bob, id) = conversation_of(9).await;
    write(&server, &ada, &bob, &["own"]).await;
    for seq in [2, 3, 7] {
        ada.read(&server, &id, Some(seq)).await.ok();
    }
    bob.read(&server, &id, None).await.ok();
    let path = format!("/chats/{}", ada.id);
    let third = bob.get(&server, &path).await[7].take();
    bob.delete(&server, &third).await;

    let whole = bob.get(&server, &path).await;
    let whole = whole.as_array().unwrap();
    let times: BTreeSet<_> = whole.iter().map(|item| item["read_at"].as_str()).collect();
    assert_eq!(times.len(), 4, "two marks of Ada's, Bob's, and none: {whole:#?}");
    for limit in 1..=3 {
        for (index, before) in whole.iter().enumerate() {
            let before = before["id"].as_str().unwrap();
            let page = bob.get(&server, &format!("{path}?before={before}&limit={limit}")).await;
            let expected: Vec<_> = whole.iter().skip(index + 1).take(limit).cloned().collect();
            assert_eq!(page, Value::Array(expected), "{limit} before {before}");
        }
    }
}
