//! `PATCH /conversations/{id}`: what a group is called.

use serde_json::{Value, json};

use super::{Group, NOTHING};

fn path(id: &str) -> String {
    format!("/conversations/{id}")
}

#[tokio::test]
async fn a_new_name_is_answered_and_told_to_everyone_in_the_group() {
    let group = Group::start().await;
    let stranger = group.server.user("stranger").await;
    let mut sockets = Vec::new();
    for user in [&group.owner, &group.owner, &group.admin, &group.member] {
        sockets.push(group.server.connect(user).await);
    }
    let mut of_stranger = group.server.connect(&stranger).await;
    for (user, name) in [(&group.owner, "Nøw"), (&group.admin, " Again ")] {
        let answer = user
            .call(&group.server, "PATCH", &path(&group.id), json!({"name": name}))
            .await
            .ok();
        assert_eq!(answer, group.member.listed(&group.server, &group.id).await);
        assert_eq!((&answer["name"], &answer["kind"]), (&json!(name), &json!("group")));
        let expected = json!({
            "type": "conversation_updated",
            "conversation_id": group.id,
            "version": answer["version"],
            "name": name,
        });
        for socket in &mut sockets {
            assert_eq!(socket.next().await, expected);
        }
    }
    of_stranger.expect_nothing().await;
}

#[tokio::test]
async fn the_name_that_a_group_has_already_changes_nothing_and_tells_nobody() {
    let group = Group::start().await;
    let before = group.owner.listed(&group.server, &group.id).await;
    let mut socket = group.server.connect(&group.member).await;
    let same = json!({"name": "Friends"});
    let answer = group
        .admin
        .call(&group.server, "PATCH", &path(&group.id), same)
        .await
        .ok();
    assert_eq!(answer, before);
    socket.expect_nothing().await;
}

#[tokio::test]
async fn a_name_keeps_to_the_rules() {
    let group = Group::start().await;
    for body in [
        json!({}),
        json!({"name": null}),
        json!({"name": 7}),
        json!({"name": ""}),
        json!({"name": " \u{a0}\n"}),
        json!({"name": "a\0b"}),
        json!({"name": "ж".repeat(101)}),
    ] {
        let answer = group.owner.call(&group.server, "PATCH", &path(&group.id), body).await;
        answer.refuses(&["name"]);
    }
    let longest = "😀".repeat(100);
    let answer = group
        .owner
        .call(&group.server, "PATCH", &path(&group.id), json!({"name": longest}))
        .await;
    assert_eq!(answer.ok()["name"], longest);
}

#[tokio::test]
async fn a_direct_conversation_is_no_group() {
    let group = Group::start().await;
    let direct = group.owner.open_direct(&group.server, &group.member).await;
    let renamed = group
        .owner
        .call(&group.server, "PATCH", &path(&direct), json!({"name": "x"}))
        .await;
    renamed.problem(409, "not_a_group");
    let added = group.owner.set_member(&group.server, &direct, &group.admin, None).await;
    added.problem(409, "not_a_group");
    for user in [&group.owner, &group.member] {
        let removed = group.owner.remove_member(&group.server, &direct, user).await;
        removed.problem(409, "not_a_group");
    }
}

#[tokio::test]
async fn ids_in_paths_are_uuids_in_any_case() {
    let group = Group::start().await;
    let call = async |method: &str, path: &str| {
        let body = if method == "PATCH" {
            json!({"name": "x"})
        } else {
            Value::Null
        };
        group.owner.call(&group.server, method, path, body).await
    };
    for bad in ["x", "%00", "%FF", "67e5504410b1426f9247bb680e5fe0c8", "a%2Fb", "a%3Fb"] {
        call("PATCH", &path(bad)).await.refuses(&["id"]);
        for suffix in ["messages", "changes"] {
            call("GET", &format!("/conversations/{bad}/{suffix}"))
                .await
                .refuses(&["id"]);
        }
        call("POST", &format!("/conversations/{bad}/read"))
            .await
            .refuses(&["id"]);
        call("POST", &format!("/messages/{bad}/read")).await.refuses(&["id"]);
        for method in ["PUT", "DELETE"] {
            call(method, &format!("/conversations/{bad}/members/{NOTHING}"))
                .await
                .refuses(&["id"]);
            let answer = call(method, &format!("/conversations/{}/members/{bad}", group.id)).await;
            answer.refuses(&["userId"]);
        }
    }
    let upper = group.id.to_uppercase();
    assert_eq!(call("PATCH", &path(&upper)).await.ok()["id"], group.id);
    let answer = call(
        "PUT",
        &format!("/conversations/{upper}/members/{}", group.member.id.to_uppercase()),
    )
    .await;
    assert_eq!(answer.ok()["user_id"], group.member.id);
}
