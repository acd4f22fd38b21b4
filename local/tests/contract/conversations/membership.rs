//! `PUT` and `DELETE /conversations/{id}/members/{userId}`: who takes part.

use serde_json::{Value, json};

use super::{Group, NOTHING};

#[tokio::test]
async fn who_is_added_and_all_members_are_told() {
    let group = Group::start().await;
    let newcomer = group.server.user("newcomer").await;
    let mut sockets = Vec::new();
    for user in [&group.owner, &group.admin, &group.member, &newcomer, &newcomer] {
        sockets.push(group.server.connect(user).await);
    }
    let added = group
        .admin
        .set_member(&group.server, &group.id, &newcomer, None)
        .await
        .ok();
    let version = group.owner.listed(&group.server, &group.id).await["version"].clone();
    let expected = json!({
        "conversation_id": group.id,
        "user_id": newcomer.id,
        "role": "member",
        "removed": false,
        "version": version,
    });
    assert_eq!(added, expected);
    let told = group.told("member_added", &newcomer, "member", version.as_i64().unwrap());
    for socket in &mut sockets {
        assert_eq!(socket.next().await, told);
    }
    assert_eq!(group.role_of(&newcomer).await.unwrap(), "member");
    // Once more changes nothing.
    assert_eq!(group.add(&newcomer).await, expected);
    for socket in &mut sockets {
        socket.expect_nothing().await;
    }
}

#[tokio::test]
async fn who_is_removed_and_all_members_are_told() {
    let group = Group::start().await;
    let mut sockets = Vec::new();
    for user in [&group.owner, &group.admin, &group.member, &group.member] {
        sockets.push(group.server.connect(user).await);
    }
    let removed = group
        .admin
        .remove_member(&group.server, &group.id, &group.member)
        .await
        .ok();
    let version = group.owner.listed(&group.server, &group.id).await["version"].clone();
    let expected = json!({
        "conversation_id": group.id,
        "user_id": group.member.id,
        "role": "member",
        "removed": true,
        "version": version,
    });
    assert_eq!(removed, expected);
    let told = group.told("member_removed", &group.member, "member", version.as_i64().unwrap());
    for socket in &mut sockets {
        assert_eq!(socket.next().await, told);
        socket.expect_nothing().await;
    }
    assert_eq!(group.role_of(&group.member).await, None);
    let again = group.admin.remove_member(&group.server, &group.id, &group.member).await;
    again.problem(404, "unknown_member");
}

#[tokio::test]
async fn a_member_may_leave_and_the_others_are_told() {
    let group = Group::start().await;
    let mut of_owner = group.server.connect(&group.owner).await;
    for (user, role) in [(&group.member, "member"), (&group.admin, "admin")] {
        let left = user.remove_member(&group.server, &group.id, user).await.ok();
        assert_eq!(
            (&left["removed"], &left["user_id"], &left["role"]),
            (&json!(true), &json!(user.id), &json!(role))
        );
        let told = group.told("member_removed", user, role, left["version"].as_i64().unwrap());
        assert_eq!(of_owner.next().await, told);
    }
    assert_eq!(group.members().await, [(group.owner.id.clone(), "owner".to_owned())]);
}

#[tokio::test]
async fn a_newcomer_sees_nothing_from_before() {
    let group = Group::start().await;
    let early = group.say(&group.owner, "before").await;
    let gone = group.server.user("gone").await;
    group.add(&gone).await;
    group.remove(&gone).await;
    let newcomer = group.server.user("newcomer").await;
    let mut socket = group.server.connect(&newcomer).await;
    let joined = group.add(&newcomer).await["version"].as_i64().unwrap();
    socket.next_of("member_added").await;

    let listed = newcomer.listed(&group.server, &group.id).await;
    assert_eq!(
        (&listed["last_message"], &listed["unread_count"]),
        (&Value::Null, &json!(0))
    );
    assert_eq!(listed["last_seq"], 1);
    assert_eq!(group.seen_by(&newcomer).await, []);
    let changes = newcomer.changes(&group.server, &group.id, 0).await;
    assert_eq!(changes["messages"], json!([]));
    let members = changes["members"].as_array().unwrap();
    assert!(
        members.iter().all(|member| member["user_id"] != gone.id.as_str()),
        "{changes}"
    );
    let early_id = early["id"].as_str().unwrap();
    let read = newcomer
        .call(
            &group.server,
            "POST",
            &format!("/messages/{early_id}/read"),
            Value::Null,
        )
        .await;
    read.problem(404, "unknown_message");

    // Edits and deletions of what was before are not told either.
    group.owner.edit(&group.server, &early, "edited").await;
    group.owner.delete(&group.server, &early).await;
    socket.expect_nothing().await;
    assert_eq!(
        newcomer.changes(&group.server, &group.id, joined).await["messages"],
        json!([])
    );

    group.say(&group.owner, "after").await;
    assert_eq!(socket.next_of("message").await["seq"], 2);
    assert_eq!(group.seen_by(&newcomer).await, [(2, json!("after"))]);
    assert_eq!(newcomer.listed(&group.server, &group.id).await["unread_count"], 1);
}

#[tokio::test]
async fn a_newcomer_is_pushed_nothing_from_before_on_connect() {
    let group = Group::start().await;
    group.say(&group.owner, "before").await;
    let newcomer = group.server.user("newcomer").await;
    group.add(&newcomer).await;
    group.say(&group.owner, "after").await;
    let mut socket = group.server.open(&newcomer).await;
    let frames = socket.take_until(|frame| frame["type"] == "sync_complete").await;
    assert_eq!(frames.len(), 2, "{frames:?}");
    assert_eq!(
        (&frames[0]["type"], &frames[0]["content"]),
        (&json!("message"), &json!("after"))
    );
}

#[tokio::test]
async fn a_group_has_256_members_at_most() {
    let group = Group::start().await;
    let crowd = group.server.crowd("guest", 253).await;
    let sql = group.server.sql().await;
    let fill = "insert into members (conversation_id, user_id, version, active_at)
             select $1::text::uuid, unnest($2::text[]::uuid[]), 1, clock_timestamp()";
    sql.execute(fill, &[&group.id, &crowd]).await.unwrap();
    let count = "update conversations set member_count = 256 where id = $1::text::uuid";
    sql.execute(count, &[&group.id]).await.unwrap();

    let newcomer = group.server.user("newcomer").await;
    let refused = group.owner.set_member(&group.server, &group.id, &newcomer, None).await;
    refused.problem(409, "group_full");
    // A role is no new member.
    group
        .owner
        .set_member(&group.server, &group.id, &group.member, Some("admin"))
        .await
        .ok();
    group.remove(&group.member).await;
    group.add(&newcomer).await;
    assert_eq!(group.members().await.len(), 256);
}

#[tokio::test]
async fn both_ids_must_be_of_something() {
    let group = Group::start().await;
    let stranger = group.server.user("stranger").await;
    let path = |group: &str, user: &str| format!("/conversations/{group}/members/{user}");
    let call = async |method: &str, path: String| group.owner.call(&group.server, method, &path, Value::Null).await;
    call("PUT", path(&group.id, NOTHING)).await.problem(404, "unknown_user");
    call("DELETE", path(&group.id, NOTHING))
        .await
        .problem(404, "unknown_member");
    call("DELETE", path(&group.id, &stranger.id))
        .await
        .problem(404, "unknown_member");
    for method in ["PUT", "DELETE"] {
        call(method, path(NOTHING, &stranger.id))
            .await
            .problem(404, "unknown_conversation");
    }
}
