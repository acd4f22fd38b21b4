//! What owners, admins and members may do to each other, and that a group is never left without an owner.

use serde_json::{Value, json};

use super::Group;

#[tokio::test]
async fn a_new_role_is_told_to_everyone_as_member_added() {
    let group = Group::start().await;
    let mut sockets = Vec::new();
    for user in [&group.owner, &group.admin, &group.member] {
        sockets.push(group.server.connect(user).await);
    }
    for role in ["admin", "owner", "member"] {
        let changed = group
            .owner
            .set_member(&group.server, &group.id, &group.member, Some(role))
            .await
            .ok();
        assert_eq!((&changed["role"], &changed["removed"]), (&json!(role), &json!(false)));
        let told = group.told(
            "member_added",
            &group.member,
            role,
            changed["version"].as_i64().unwrap(),
        );
        for socket in &mut sockets {
            assert_eq!(socket.next().await, told);
        }
        assert_eq!(group.role_of(&group.member).await.unwrap(), role);
    }
}

#[tokio::test]
async fn no_role_leaves_a_member_what_they_are() {
    let group = Group::start().await;
    let before = group.owner.listed(&group.server, &group.id).await;
    for user in [&group.owner, &group.admin] {
        let unchanged = user.set_member(&group.server, &group.id, &group.admin, None).await.ok();
        assert_eq!(
            (&unchanged["role"], &unchanged["version"]),
            (&json!("admin"), &before["version"])
        );
    }
    assert_eq!(group.owner.listed(&group.server, &group.id).await, before);
}

#[tokio::test]
async fn a_newcomer_may_be_given_a_role_by_an_owner() {
    let group = Group::start().await;
    let newcomer = group.server.user("newcomer").await;
    for role in ["admin", "owner"] {
        let refused = group
            .admin
            .set_member(&group.server, &group.id, &newcomer, Some(role))
            .await;
        refused.problem(403, "forbidden");
    }
    let added = group
        .owner
        .set_member(&group.server, &group.id, &newcomer, Some("admin"))
        .await
        .ok();
    assert_eq!(added["role"], "admin");
}

#[tokio::test]
async fn a_role_is_owner_admin_or_member() {
    let group = Group::start().await;
    let path = format!("/conversations/{}/members/{}", group.id, group.member.id);
    for role in [json!("boss"), json!("Owner"), json!(""), json!(1), json!(["admin"])] {
        let answer = group
            .owner
            .call(&group.server, "PUT", &path, json!({"role": role}))
            .await;
        answer.refuses(&["role"]);
    }
    for body in [json!({"role": null}), json!({}), Value::Null] {
        assert_eq!(
            group.owner.call(&group.server, "PUT", &path, body).await.ok()["role"],
            "member"
        );
    }
}

#[tokio::test]
async fn the_last_owner_hands_over_before_leaving() {
    let group = Group::start().await;
    let (server, owner) = (&group.server, &group.owner);
    owner
        .remove_member(server, &group.id, owner)
        .await
        .problem(409, "last_owner");
    for role in ["admin", "member"] {
        let demoted = owner.set_member(server, &group.id, owner, Some(role)).await;
        demoted.problem(409, "last_owner");
    }
    owner
        .set_member(server, &group.id, &group.member, Some("owner"))
        .await
        .ok();
    owner.remove_member(server, &group.id, owner).await.ok();
    let members = group.member.listed(server, &group.id).await["members"].clone();
    let roles: Vec<_> = members
        .as_array()
        .unwrap()
        .iter()
        .map(|member| &member["role"])
        .collect();
    assert_eq!(roles, ["admin", "owner"]);
    group
        .member
        .remove_member(server, &group.id, &group.member)
        .await
        .problem(409, "last_owner");
}

#[tokio::test]
async fn an_owner_may_step_down_or_be_removed_by_another() {
    let group = Group::start().await;
    let (server, owner) = (&group.server, &group.owner);
    owner
        .set_member(server, &group.id, &group.admin, Some("owner"))
        .await
        .ok();
    owner.set_member(server, &group.id, owner, Some("member")).await.ok();
    group
        .admin
        .set_member(server, &group.id, owner, Some("owner"))
        .await
        .ok();
    group.admin.remove_member(server, &group.id, owner).await.ok();
    owner
        .remove_member(server, &group.id, &group.admin)
        .await
        .problem(403, "forbidden");
}

#[tokio::test]
async fn an_owner_who_is_alone_may_leave() {
    let group = Group::start().await;
    let (server, owner) = (&group.server, &group.owner);
    group.remove(&group.admin).await;
    group.remove(&group.member).await;
    owner.remove_member(server, &group.id, owner).await.ok();
    let name = json!({"name": "x"});
    let renamed = owner
        .call(server, "PATCH", &format!("/conversations/{}", group.id), name)
        .await;
    renamed.problem(403, "forbidden");
}

#[tokio::test]
async fn an_admin_removes_members_and_nobody_above() {
    let group = Group::start().await;
    let other_admin = group.server.user("admin").await;
    group
        .owner
        .set_member(&group.server, &group.id, &other_admin, Some("admin"))
        .await
        .ok();
    for user in [&group.owner, &other_admin] {
        let refused = group.admin.remove_member(&group.server, &group.id, user).await;
        refused.problem(403, "forbidden");
    }
    group
        .admin
        .remove_member(&group.server, &group.id, &group.member)
        .await
        .ok();
    group
        .owner
        .remove_member(&group.server, &group.id, &other_admin)
        .await
        .ok();
}

#[tokio::test]
async fn whoever_was_removed_as_an_admin_comes_back_as_a_member() {
    let group = Group::start().await;
    group.remove(&group.admin).await;
    assert_eq!(group.add(&group.admin).await["role"], "member");
}
