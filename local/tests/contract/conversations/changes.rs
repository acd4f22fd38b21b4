//! `GET /conversations/{id}/changes`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Group, NOTHING};
use crate::support::{TestServer, User};

/// Pages through the changes until nothing more follows; `between` happens after each page. The messages as a client has them at the
/// end, by their ids, and the version that it knows.
async fn follow(
    server: &TestServer,
    user: &User,
    conversation: &str,
    limit: u32,
    mut between: impl AsyncFnMut(usize),
) -> (BTreeMap<String, Value>, i64) {
    let (mut known, mut version) = (BTreeMap::new(), 0);
    for page in 0.. {
        assert!(page < 500, "it never ends");
        let path = format!("/conversations/{conversation}/changes?after={version}&limit={limit}");
        let changes = user.get(server, &path).await;
        let mut last = version;
        for message in changes["messages"].as_array().unwrap() {
            let here = message["version"].as_i64().unwrap();
            assert!(here > last, "in the order of versions: {changes}");
            last = here;
            known.insert(message["id"].as_str().unwrap().to_owned(), message.clone());
        }
        let upto = changes["version"].as_i64().unwrap();
        assert!(upto >= last && upto >= version, "{changes}");
        if changes["has_more"] == false {
            return (known, upto);
        }
        assert!(upto > version, "a page that leads nowhere: {changes}");
        version = upto;
        between(page).await;
    }
    unreachable!()
}

#[tokio::test]
async fn messages_come_in_the_order_of_their_versions_and_deleted_ones_without_content() {
    let group = Group::start().await;
    let mut sent = Vec::new();
    for content in ["one", "two", "three"] {
        sent.push(group.say(&group.owner, content).await);
    }
    group.owner.edit(&group.server, &sent[1], "2").await;
    group.owner.delete(&group.server, &sent[0]).await;
    let changes = group.member.changes(&group.server, &group.id, 0).await;
    let messages = changes["messages"].as_array().unwrap();
    let shown: Vec<_> = messages
        .iter()
        .map(|message| (message["seq"].clone(), message["content"].clone()))
        .collect();
    assert_eq!(
        shown,
        [
            (json!(3), json!("three")),
            (json!(2), json!("2")),
            (json!(1), Value::Null)
        ]
    );
    assert_eq!(messages[2]["is_deleted"], true);
    assert!(messages.is_sorted_by_key(|message| message["version"].as_i64()));
    assert_eq!(
        (&changes["name"], &changes["has_more"]),
        (&json!("Friends"), &json!(false))
    );
    // The same objects as in the list of messages.
    for message in group.member.messages(&group.server, &group.id).await {
        assert!(messages.contains(&message), "{message}");
    }
}

#[tokio::test]
async fn only_what_changed_above_the_version_comes() {
    let group = Group::start().await;
    let first = group.say(&group.owner, "one").await;
    let second = group.say(&group.owner, "two").await;
    let after = second["version"].as_i64().unwrap();
    let of = |changes: &Value| {
        let messages = changes["messages"].as_array().unwrap().iter();
        messages.map(|message| message["content"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        of(&group.member.changes(&group.server, &group.id, after).await),
        Vec::<Value>::new()
    );
    group.owner.edit(&group.server, &first, "1").await;
    let changes = group.member.changes(&group.server, &group.id, after).await;
    assert_eq!(of(&changes), [json!("1")]);
    let version = changes["version"].as_i64().unwrap();
    group.say(&group.admin, "three").await;
    assert_eq!(
        of(&group.member.changes(&group.server, &group.id, version).await),
        [json!("three")]
    );
}

#[tokio::test]
async fn nothing_new_is_an_empty_page_at_the_same_version() {
    let group = Group::start().await;
    let version = group.owner.listed(&group.server, &group.id).await["version"]
        .as_i64()
        .unwrap();
    let changes = group.member.changes(&group.server, &group.id, version).await;
    let expected = json!({"messages": [], "members": [], "name": "Friends", "version": version, "has_more": false});
    assert_eq!(changes, expected);
}

#[tokio::test]
async fn members_come_as_they_stand_now() {
    let group = Group::start().await;
    let start = group.owner.listed(&group.server, &group.id).await["version"]
        .as_i64()
        .unwrap();
    group.say(&group.owner, "one").await;
    group.member.read(&group.server, &group.id, None).await.ok();
    group
        .owner
        .set_member(&group.server, &group.id, &group.admin, Some("owner"))
        .await
        .ok();
    let state = |changes: &Value, user: &User| {
        let members = changes["members"].as_array().unwrap();
        members
            .iter()
            .find(|member| member["user_id"] == user.id.as_str())
            .cloned()
            .unwrap_or_default()
    };
    let changes = group.owner.changes(&group.server, &group.id, start).await;
    let of_member = state(&changes, &group.member);
    assert_eq!(
        (&of_member["read_seq"], &of_member["role"], &of_member["removed"]),
        (&json!(1), &json!("member"), &json!(false))
    );
    let mut keys: Vec<_> = of_member.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["delivered_seq", "read_seq", "removed", "role", "user_id"]);
    let of_admin = state(&changes, &group.admin);
    assert_eq!((&of_admin["role"], &of_admin["read_seq"]), (&json!("owner"), &json!(0)));
    let version = changes["version"].as_i64().unwrap();
    group.remove(&group.member).await;
    let changes = group.owner.changes(&group.server, &group.id, version).await;
    assert_eq!(state(&changes, &group.member)["removed"], true);
    assert_eq!(state(&changes, &group.admin), Value::Null);
}

#[tokio::test]
async fn a_direct_conversation_has_changes_and_no_name() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let sent = server.connect(&ada).await.say(&bob, "Hello").await;
    let id = sent["conversation_id"].as_str().unwrap();
    bob.read(&server, id, None).await.ok();
    let changes = ada.changes(&server, id, 0).await;
    assert_eq!(
        (&changes["name"], &changes["messages"][0]["id"]),
        (&Value::Null, &sent["id"])
    );
    let members = changes["members"].as_array().unwrap();
    let of_bob = members
        .iter()
        .find(|member| member["user_id"] == bob.id.as_str())
        .unwrap();
    assert_eq!(of_bob["read_seq"], 1);
}

#[tokio::test]
async fn pages_of_any_size_bring_everything_once() {
    let group = Group::start().await;
    let mut sent = Vec::new();
    for n in 0..9 {
        sent.push(group.say(&group.owner, &format!("{n}")).await);
    }
    for n in [0, 3, 4] {
        group.owner.edit(&group.server, &sent[n], "edited").await;
    }
    group.owner.delete(&group.server, &sent[3]).await;
    let expected: BTreeMap<_, _> = group
        .member
        .messages(&group.server, &group.id)
        .await
        .into_iter()
        .map(|message| (message["id"].as_str().unwrap().to_owned(), message))
        .collect();
    for limit in [1, 2, 3, 5, 9, 100] {
        let (known, _) = follow(&group.server, &group.member, &group.id, limit, async |_| ()).await;
        assert_eq!(known, expected, "pages of {limit}");
    }
}

#[tokio::test]
async fn no_message_is_lost_while_edits_and_deletions_pour_in() {
    let group = Group::start().await;
    let mut sent = Vec::new();
    for n in 0..12 {
        sent.push(group.say(&group.owner, &format!("{n}")).await);
    }
    let (server, owner) = (&group.server, &group.owner);
    let change = async |page: usize| {
        if [7, 11].contains(&page) {
            owner.delete(server, &sent[page]).await;
        } else if page < 40 {
            let content = format!("on page {page}");
            owner.edit(server, &sent[(page * 5) % 7], &content).await;
        }
    };
    let (mut known, version) = follow(server, &group.member, &group.id, 2, change).await;
    // What changed after the last page began is on the next.
    let late = group.member.changes(server, &group.id, version).await;
    for message in late["messages"].as_array().unwrap() {
        known.insert(message["id"].as_str().unwrap().to_owned(), message.clone());
    }
    let mut known: Vec<_> = known.into_values().collect();
    known.sort_by_key(|message| message["seq"].as_i64());
    assert_eq!(known, group.member.messages(server, &group.id).await);
}

#[tokio::test]
async fn versions_and_limits_outside_the_rule_are_refused() {
    let group = Group::start().await;
    let get = async |query: &str| {
        let path = format!("/conversations/{}/changes?{query}", group.id);
        group.owner.call(&group.server, "GET", &path, Value::Null).await
    };
    for bad in ["-1", "x", "1.0", "9223372036854775808", "%00"] {
        get(&format!("after={bad}")).await.refuses(&["after"]);
    }
    get("limit=0&after=x").await.refuses(&["limit", "after"]);
    assert_eq!(get("").await.ok(), get("after=0&limit=").await.ok());
    let beyond = get("after=9223372036854775807").await.ok();
    assert_eq!(
        (&beyond["messages"], &beyond["members"], &beyond["has_more"]),
        (&json!([]), &json!([]), &json!(false))
    );
    let path = format!("/conversations/{NOTHING}/changes");
    let unknown = group.owner.call(&group.server, "GET", &path, Value::Null).await;
    unknown.problem(404, "unknown_conversation");
}
