//! `POST /conversations`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::NOTHING;
use crate::support::{TestServer, strings};

#[tokio::test]
async fn both_users_open_the_same_direct_conversation_again_and_again() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let answer = ada
        .call(&server, "POST", "/conversations", json!({"user_id": bob.id}))
        .await;
    let opened = answer.ok();
    let expected = json!({
        "id": opened["id"],
        "kind": "direct",
        "other_user": {"id": bob.id, "username": bob.username},
        "last_message": null,
        "unread_count": 0,
        "last_seq": 0,
        "version": 0,
    });
    assert_eq!(opened, expected);
    assert_eq!(bob.open_direct(&server, &ada).await, opened["id"]);
    let sent = server.connect(&ada).await.say(&bob, "Hello").await;
    assert_eq!((&sent["conversation_id"], &sent["seq"]), (&opened["id"], &json!(1)));
    let mut again = ada
        .call(&server, "POST", "/conversations", json!({"user_id": bob.id}))
        .await
        .ok();
    assert_eq!(
        (&again["id"], &again["last_message"]["id"]),
        (&opened["id"], &sent["id"])
    );
    let mut listed = ada.get(&server, "/conversations").await;
    // Her own mark may move meanwhile, and with it the version.
    assert!(listed[0]["version"].take().as_i64() >= again["version"].take().as_i64());
    assert_eq!(listed, json!([again]));
}

#[tokio::test]
async fn all_who_open_a_direct_conversation_at_once_get_the_same() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let opened = join_all((0..12).map(|n| {
        let (user, other) = if n % 2 == 0 { (&ada, &bob) } else { (&bob, &ada) };
        user.open_direct(&server, other)
    }))
    .await;
    assert!(opened.iter().all(|id| *id == opened[0]), "{opened:?}");
    assert_eq!(ada.get(&server, "/conversations").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_new_group_has_its_maker_as_owner_and_each_other_user_once() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let wanted = json!({"name": "  Köche & Gäste ", "user_ids": [bob.id, bob.id.to_uppercase(), ada.id]});
    let answer = ada.call(&server, "POST", "/conversations", wanted).await;
    assert_eq!(answer.status, 201);
    let group = answer.json();
    let expected = json!({
        "id": group["id"],
        "kind": "group",
        "name": "  Köche & Gäste ",
        "members": [
            {"user_id": ada.id, "username": ada.username, "role": "owner"},
            {"user_id": bob.id, "username": bob.username, "role": "member"},
        ],
        "last_message": null,
        "unread_count": 0,
        "last_seq": 0,
        "version": 1,
    });
    assert_eq!(group, expected);
    let another = ada.make_group(&server, "  Köche & Gäste ", &[&bob]).await;
    assert_ne!(another, group["id"].as_str().unwrap());
}

#[tokio::test]
async fn everyone_in_a_new_group_is_told_about_themselves_on_each_device() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let mut sockets = Vec::new();
    for user in [&ada, &ada, &bob, &bob] {
        sockets.push((user, server.connect(user).await));
    }
    let group = ada.make_group(&server, "Friends", &[&bob]).await;
    for (user, socket) in &mut sockets {
        let role = if user.id == ada.id { "owner" } else { "member" };
        let expected = json!({
            "type": "member_added",
            "conversation_id": group,
            "version": 1,
            "name": "Friends",
            "user_id": user.id,
            "username": user.username,
            "role": role,
        });
        assert_eq!(socket.next().await, expected);
        socket.expect_nothing().await;
    }
}

#[tokio::test]
async fn a_group_of_256_can_be_made_and_none_of_more() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let mut ids = server.crowd("guest", 256).await;
    let wanted = json!({"name": "All", "user_ids": ids});
    let answer = ada.call(&server, "POST", "/conversations", wanted).await;
    answer.refuses(&["user_ids"]);
    ids.pop();
    let answer = ada
        .call(
            &server,
            "POST",
            "/conversations",
            json!({"name": "All", "user_ids": ids}),
        )
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["members"].as_array().unwrap().len(), 256);
    let list = ada.get(&server, "/conversations").await;
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn of_the_members_of_a_new_group_each_counts_once_and_the_caller_not_at_all() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let guests = server.crowd("guest", 256).await;
    let open = async |ids: Vec<&String>| {
        let wanted = json!({"name": "All", "user_ids": ids});
        ada.call(&server, "POST", "/conversations", wanted).await
    };
    let twice = guests[..255].iter().chain(&guests[..255]);
    let answer = open(twice.chain([&ada.id]).collect()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["members"].as_array().unwrap().len(), 256);
    let answer = open(vec![&guests[0]; 1_000]).await;
    assert_eq!(answer.json()["members"].as_array().unwrap().len(), 2);
    open(guests.iter().chain(&guests).collect())
        .await
        .refuses(&["user_ids"]);
}

#[tokio::test]
async fn what_is_to_be_opened_keeps_to_the_rules() {
    let server = TestServer::start().await;
    server.lift_rate_limits().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    for (body, fields) in [
        (json!({}), vec!["user_id"]),
        (json!({"name": "x"}), vec!["user_id"]),
        (json!({"user_ids": []}), vec!["user_id"]),
        (json!({"user_id": bob.id, "name": "x"}), vec!["user_id"]),
        (json!({"user_id": bob.id, "name": "x", "user_ids": []}), vec!["user_id"]),
        (json!({"user_id": ada.id}), vec!["user_id"]),
        (json!({"user_id": "x"}), vec!["user_id"]),
        (json!({"user_id": 7}), vec!["user_id"]),
        (json!({"name": "", "user_ids": []}), vec!["name"]),
        (json!({"name": " \t", "user_ids": []}), vec!["name"]),
        (json!({"name": "a\0", "user_ids": []}), vec!["name"]),
        (json!({"name": "x".repeat(101), "user_ids": []}), vec!["name"]),
        (json!({"name": 7, "user_ids": "x"}), vec!["name", "user_ids"]),
        (json!({"name": "x", "user_ids": {}}), vec!["user_ids"]),
        (json!({"name": "x", "user_ids": [bob.id, "x"]}), vec!["user_ids"]),
        (json!({"name": "x", "user_ids": [7]}), vec!["user_ids"]),
    ] {
        let answer = ada.call(&server, "POST", "/conversations", body).await;
        answer.refuses(&fields);
    }
    assert_eq!(ada.get(&server, "/conversations").await, json!([]));
}

#[tokio::test]
async fn nothing_is_made_with_somebody_who_does_not_exist() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let direct = ada
        .call(&server, "POST", "/conversations", json!({"user_id": NOTHING}))
        .await;
    direct.problem(404, "unknown_user");
    let wanted = json!({"name": "x", "user_ids": [bob.id, NOTHING]});
    let group = ada.call(&server, "POST", "/conversations", wanted).await;
    group.problem(404, "unknown_user");
    for user in [&ada, &bob] {
        assert_eq!(user.get(&server, "/conversations").await, json!([]));
    }
}

#[tokio::test]
async fn a_group_may_be_of_one() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let id = ada.make_group(&server, "Notes", &[]).await;
    let mut socket = server.connect(&ada).await;
    let said = socket.say_in(&id, "to myself").await;
    assert_eq!(
        (&said["type"], &said["seq"], &said["from"]),
        (&json!("message"), &json!(1), &json!(ada.id))
    );
    let listed = ada.listed(&server, &id).await;
    assert_eq!((&listed["unread_count"], &listed["last_seq"]), (&json!(0), &json!(1)));
    assert_eq!(
        strings(listed["members"].as_array().unwrap(), "user_id"),
        [ada.id.as_str()]
    );
    assert_ne!(listed["last_message"], Value::Null);
}

#[tokio::test]
async fn no_row_can_be_neither_direct_nor_a_group() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let id = ada.open_direct(&server, &bob).await;
    let sql = server.sql().await;
    let broken = [
        "update conversations set kind = 'group' where id = $1::text::uuid",
        "update conversations set kind = 'channel' where id = $1::text::uuid",
        "update conversations set name = 'Group' where id = $1::text::uuid",
        "update conversations set low_user = null where id = $1::text::uuid",
        "update conversations set low_user = high_user, high_user = low_user where id = $1::text::uuid",
        "insert into conversations (id, kind) select gen_random_uuid(), 'group' where $1 <> ''",
    ];
    for statement in broken {
        let error = sql.execute(statement, &[&id]).await.expect_err(statement);
        let error = error.as_db_error().expect(statement);
        assert_eq!(error.constraint(), Some("conversations_check"), "{statement}: {error}");
    }
}
