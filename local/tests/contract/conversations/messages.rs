//! `GET /conversations/{id}/messages`.

use serde_json::{Value, json};

use super::{Group, NOTHING};
use crate::support::{Answer, TestServer, User};

/// A conversation in which `1` to `n` were written.
async fn conversation(n: u32) -> (TestServer, User, User, String) {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    server.leave_messages(&bob, &ada, n).await;
    let id = ada.open_direct(&server, &bob).await;
    (server, ada, bob, id)
}

fn seqs(answer: &Answer) -> Vec<i64> {
    let items = answer.ok();
    let items = items.as_array().unwrap().iter();
    items.map(|item| item["seq"].as_i64().unwrap()).collect()
}

fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?.strip_prefix('<').unwrap();
    Some(link.strip_suffix(">; rel=\"next\"").unwrap().to_owned())
}

#[tokio::test]
async fn a_message_has_the_members_of_the_contract() {
    let group = Group::start().await;
    let first = group.say(&group.owner, "one").await;
    let mut socket = group.server.open(&group.member).await;
    let reply = json!({"type": "message", "conversation_id": group.id, "content": "two", "reply_to": first["id"]});
    socket.send(&reply).await;
    let is_reply = |frame: &Value| frame["content"] == "two";
    let second = socket.take_until(is_reply).await.pop().unwrap();
    let entry = |sent: &Value, reply_to: &Value| {
        json!({
            "id": sent["id"],
            "conversation_id": group.id,
            "seq": sent["seq"],
            "version": sent["version"],
            "from": sent["from"],
            "content": sent["content"],
            "reply_to": reply_to,
            "is_deleted": false,
            "edited_at": null,
            "created_at": sent["created_at"],
        })
    };
    let expected = [entry(&first, &Value::Null), entry(&second, &first["id"])];
    for user in [&group.owner, &group.admin, &group.member] {
        assert_eq!(user.messages(&group.server, &group.id).await, expected);
    }
}

#[tokio::test]
async fn a_deleted_message_stays_as_a_tombstone_and_an_edited_one_as_it_is() {
    let group = Group::start().await;
    let first = group.say(&group.owner, "secret").await;
    let second = group.say(&group.owner, "tpyo").await;
    group.owner.delete(&group.server, &first).await;
    group.owner.edit(&group.server, &second, "typo").await;
    let messages = group.member.messages(&group.server, &group.id).await;
    let shown = |message: &Value| {
        (
            message["content"].clone(),
            message["is_deleted"].clone(),
            message["edited_at"].is_string(),
        )
    };
    assert_eq!(shown(&messages[0]), (Value::Null, json!(true), false));
    assert_eq!(shown(&messages[1]), (json!("typo"), json!(false), true));
    assert!(messages[0]["version"].as_i64() > second["version"].as_i64());
    assert!(messages[1]["version"].as_i64() > messages[0]["version"].as_i64());
    assert!(!json!(messages).to_string().contains("secret"));
}

#[tokio::test]
async fn pages_go_back_from_the_end_or_a_seq_newest_first() {
    let (server, ada, _, id) = conversation(7).await;
    let path = format!("/conversations/{id}/messages");
    let get = async |query: &str| ada.call(&server, "GET", &format!("{path}?{query}"), Value::Null).await;
    let first = get("limit=3").await;
    assert_eq!(seqs(&first), [7, 6, 5]);
    assert_eq!(next(&first).unwrap(), format!("{path}?limit=3&before=5"));
    let second = get("limit=3&before=5").await;
    assert_eq!(seqs(&second), [4, 3, 2]);
    let last = get("limit=3&before=2").await;
    assert_eq!((seqs(&last), next(&last)), (vec![1], None));
    let exact = get("limit=7").await;
    assert_eq!((seqs(&exact).len(), next(&exact)), (7, None));
    assert!(seqs(&get("before=0").await).is_empty());
    assert_eq!(seqs(&get("before=9223372036854775807&limit=1").await), [7]);
}

#[tokio::test]
async fn pages_go_on_from_a_seq_oldest_first() {
    let (server, ada, _, id) = conversation(7).await;
    let path = format!("/conversations/{id}/messages");
    let get = async |query: &str| ada.call(&server, "GET", &format!("{path}?{query}"), Value::Null).await;
    let first = get("after=0&limit=4").await;
    assert_eq!(seqs(&first), [1, 2, 3, 4]);
    assert_eq!(next(&first).unwrap(), format!("{path}?limit=4&after=4"));
    let last = get("after=4&limit=4").await;
    assert_eq!((seqs(&last), next(&last)), (vec![5, 6, 7], None));
    assert!(seqs(&get("after=7").await).is_empty());
    assert!(seqs(&get("after=9223372036854775807").await).is_empty());
}

#[tokio::test]
async fn there_are_20_on_a_page_unless_asked_for_otherwise_and_100_at_most() {
    let (server, ada, _, id) = conversation(130).await;
    let path = format!("/conversations/{id}/messages");
    for (query, count) in [
        ("", 20),
        ("?limit=", 20),
        ("?limit=100", 100),
        ("?limit=1000", 100),
        ("?limit=1&limit=2", 1),
    ] {
        let page = ada.call(&server, "GET", &format!("{path}{query}"), Value::Null).await;
        assert_eq!(seqs(&page).len(), count, "{query}");
    }
}

#[tokio::test]
async fn what_is_no_place_in_the_conversation_is_refused() {
    let (server, ada, _, id) = conversation(1).await;
    let get = async |query: &str| {
        ada.call(
            &server,
            "GET",
            &format!("/conversations/{id}/messages?{query}"),
            Value::Null,
        )
        .await
    };
    for bad in ["-1", "x", "1.0", "+1", "1e3", "9223372036854775808", "%00", "١"] {
        get(&format!("before={bad}")).await.refuses(&["before"]);
        get(&format!("after={bad}")).await.refuses(&["after"]);
    }
    get("limit=0&before=x").await.refuses(&["limit", "before"]);
    get("before=3&after=1").await.refuses(&["after"]);
    assert_eq!(seqs(&get("before=&after=0").await), [1]);
    ada.call(
        &server,
        "GET",
        &format!("/conversations/{NOTHING}/messages"),
        Value::Null,
    )
    .await
    .problem(404, "unknown_conversation");
}

#[tokio::test]
async fn paging_by_seq_loses_nothing_while_messages_pour_in() {
    let (server, ada, bob, id) = conversation(30).await;
    let mut seen = Vec::new();
    let mut path = Some(format!("/conversations/{id}/messages?limit=7"));
    while let Some(here) = path {
        let answer = ada.call(&server, "GET", &here, Value::Null).await;
        seen.extend(seqs(&answer));
        path = next(&answer);
        server.leave_messages(&bob, &ada, 2).await;
    }
    assert_eq!(seen, (1..=30).rev().collect::<Vec<_>>());
}
