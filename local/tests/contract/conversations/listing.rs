//! `GET /conversations`.

use serde_json::{Value, json};

use crate::support::{Answer, TestServer, User, strings};

/// A page of conversations, and the path of the next.
pub(super) async fn page(server: &TestServer, user: &User, path: &str) -> (Vec<Value>, Option<String>) {
    let answer = user.call(server, "GET", path, Value::Null).await;
    let items = answer.ok().as_array().unwrap().clone();
    (items, next(&answer))
}

fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?.strip_prefix('<').unwrap();
    Some(link.strip_suffix(">; rel=\"next\"").unwrap().to_owned())
}

#[tokio::test]
async fn a_direct_conversation_is_listed_with_the_other_user_and_its_last_message() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let sent = server.connect(&bob).await.say(&ada, "Hello").await;
    let list = ada.get(&server, "/conversations").await;
    // A delivered mark that moved has taken a version, too.
    let version = list[0]["version"].as_i64().unwrap();
    assert!(version >= 1);
    let expected = json!([{
        "id": sent["conversation_id"],
        "kind": "direct",
        "other_user": {"id": bob.id, "username": bob.username},
        "last_message": {
            "id": sent["id"],
            "conversation_id": sent["conversation_id"],
            "seq": 1,
            "version": 1,
            "from": bob.id,
            "content": "Hello",
            "reply_to": null,
            "is_deleted": false,
            "edited_at": null,
            "created_at": sent["created_at"],
        },
        "unread_count": 1,
        "last_seq": 1,
        "version": version,
    }]);
    assert_eq!(list, expected);
    let of_bob = &bob.get(&server, "/conversations").await[0];
    assert_eq!(of_bob["other_user"], json!({"id": ada.id, "username": ada.username}));
    assert_eq!(
        (&of_bob["unread_count"], &of_bob["id"]),
        (&json!(0), &sent["conversation_id"])
    );
}

#[tokio::test]
async fn a_group_is_listed_with_its_name_and_members() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let id = bob.make_group(&server, "Friends", &[&ada]).await;
    let expected = json!([{
        "id": id,
        "kind": "group",
        "name": "Friends",
        "members": [
            {"user_id": ada.id, "username": ada.username, "role": "member"},
            {"user_id": bob.id, "username": bob.username, "role": "owner"},
        ],
        "last_message": null,
        "unread_count": 0,
        "last_seq": 0,
        "version": 1,
    }]);
    assert_eq!(ada.get(&server, "/conversations").await, expected);
    assert_eq!(bob.get(&server, "/conversations").await, expected);
}

#[tokio::test]
async fn the_newest_activity_comes_first() {
    let server = TestServer::start().await;
    let (ada, bob, cleo) = (
        server.user("ada").await,
        server.user("bob").await,
        server.user("cleo").await,
    );
    let mut socket = server.connect(&ada).await;
    let with_bob = socket.say(&bob, "1").await["conversation_id"].clone();
    let with_cleo = socket.say(&cleo, "2").await["conversation_id"].clone();
    let group = json!(ada.make_group(&server, "Friends", &[&bob]).await);
    let order = async || {
        let list = ada.get(&server, "/conversations").await;
        let ids = list.as_array().unwrap().iter().map(|entry| entry["id"].clone());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(order().await, [group.clone(), with_cleo.clone(), with_bob.clone()]);
    let mut of_bob = server.open(&bob).await;
    of_bob.next_of("sync_complete").await;
    of_bob.say(&ada, "3").await;
    assert_eq!(order().await, [with_bob.clone(), group.clone(), with_cleo.clone()]);
    // Neither an edit nor a read mark is activity.
    ada.read(&server, with_cleo.as_str().unwrap(), None).await.ok();
    assert_eq!(order().await, [with_bob, group, with_cleo]);
}

#[tokio::test]
async fn pages_follow_each_other_by_link_without_a_hole_or_a_repeat() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let mut made = Vec::new();
    for n in 0..7 {
        made.insert(0, ada.make_group(&server, &format!("group {n}"), &[]).await);
    }
    let mut listed = Vec::new();
    let mut path = Some("/conversations?limit=3".to_owned());
    let mut lengths = Vec::new();
    while let Some(here) = path {
        let (items, next) = page(&server, &ada, &here).await;
        lengths.push(items.len());
        listed.extend(strings(&items, "id").into_iter().map(str::to_owned));
        path = next;
    }
    assert_eq!(lengths, [3, 3, 1]);
    assert_eq!(listed, made);
    let (items, next) = page(&server, &ada, "/conversations?limit=7").await;
    assert_eq!((items.len(), next), (7, None));
}

#[tokio::test]
async fn conversations_of_the_same_moment_are_not_lost_at_the_border_of_a_page() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    for n in 0..4 {
        ada.make_group(&server, &format!("group {n}"), &[]).await;
    }
    let same_moment = "update conversations set created_at = '2026-01-01 00:00:00.123456Z';
         update members set active_at = '2026-01-01 00:00:00.123456Z'";
    server.sql().await.batch_execute(same_moment).await.unwrap();
    let mut ids = std::collections::HashSet::new();
    let mut path = Some("/conversations?limit=1".to_owned());
    while let Some(here) = path {
        let (items, next) = page(&server, &ada, &here).await;
        assert!(ids.insert(items[0]["id"].clone()));
        path = next;
    }
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn a_deleted_last_message_is_shown_as_a_tombstone() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let sent = server.connect(&bob).await.say(&ada, "secret").await;
    bob.delete(&server, &sent).await;
    let entry = ada.get(&server, "/conversations").await[0].clone();
    assert_eq!(entry["last_message"]["content"], Value::Null);
    assert_eq!(entry["last_message"]["is_deleted"], true);
    assert_eq!(entry["last_seq"], 1);
    assert!(entry["version"].as_i64() > sent["version"].as_i64());
}

#[tokio::test]
async fn unread_is_what_others_wrote_above_the_mark_and_did_not_delete() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let (mut of_ada, mut of_bob) = (server.connect(&ada).await, server.connect(&bob).await);
    let unread = async |user: &User| user.get(&server, "/conversations").await[0]["unread_count"].clone();
    let first = of_bob.say(&ada, "1").await;
    of_bob.say(&ada, "2").await;
    let third = of_bob.say(&ada, "3").await;
    of_ada.next_of("direct_message").await;
    of_ada.next_of("direct_message").await;
    of_ada.next_of("direct_message").await;
    of_ada.say(&bob, "4").await;
    assert_eq!((unread(&ada).await, unread(&bob).await), (json!(3), json!(1)));
    bob.delete(&server, &third).await;
    assert_eq!((unread(&ada).await, unread(&bob).await), (json!(2), json!(1)));
    let path = format!("/messages/{}/read", first["id"].as_str().unwrap());
    ada.call(&server, "POST", &path, Value::Null).await.ok();
    assert_eq!((unread(&ada).await, unread(&bob).await), (json!(1), json!(1)));
    ada.read(&server, &bob.id, None).await.ok();
    bob.read(&server, &ada.id, Some(4)).await.ok();
    assert_eq!((unread(&ada).await, unread(&bob).await), (json!(0), json!(0)));
}

#[tokio::test]
async fn unread_is_counted_up_to_1_000() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    server.leave_messages(&bob, &ada, 1003).await;
    let unread = async || ada.get(&server, "/conversations").await[0]["unread_count"].clone();
    assert_eq!(unread().await, 1000);
    ada.read(&server, &bob.id, Some(4)).await.ok();
    assert_eq!(unread().await, 999);
}

#[tokio::test]
async fn unread_is_counted_among_the_last_10_000_messages() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    server.leave_messages(&bob, &ada, 2).await;
    server.leave_messages(&ada, &bob, 9_998).await;
    let unread = async || ada.get(&server, "/conversations").await[0]["unread_count"].clone();
    assert_eq!(unread().await, 2);
    server.leave_messages(&ada, &bob, 1).await;
    assert_eq!(unread().await, 1);
}

#[tokio::test]
async fn limits_and_cursors_outside_the_rule_are_refused() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let get = async |query: &str| {
        ada.call(&server, "GET", &format!("/conversations?{query}"), Value::Null)
            .await
    };
    for limit in ["0", "-1", "x", "1.5", "%00"] {
        get(&format!("limit={limit}")).await.refuses(&["limit"]);
    }
    for before in [
        "x",
        "1",
        "_",
        "1_x",
        "-1_67e55044-10b1-426f-9247-bb680e5fe0c8",
        "9223372036854775807_67e55044-10b1-426f-9247-bb680e5fe0c8",
    ] {
        get(&format!("before={before}")).await.refuses(&["before"]);
    }
    get("limit=0&before=x").await.refuses(&["limit", "before"]);
    for accepted in [
        "limit=101",
        "limit=&before=",
        "limit=1&before=0_67e55044-10b1-426f-9247-bb680e5fe0c8",
    ] {
        assert_eq!(get(accepted).await.ok(), json!([]), "{accepted}");
    }
}
