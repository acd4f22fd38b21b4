//! What is left to those who were removed from a group: what was there when they were.

use serde_json::{Value, json};

use super::Group;
use super::sending::connected;
use crate::support::{said, strings};

/// A group whose member was removed after "one" and "two"; both messages as they were sent.
async fn start() -> (Group, Value, Value) {
    let group = Group::start().await;
    let first = group.say(&group.owner, "one").await;
    let second = group.say(&group.owner, "two").await;
    group.remove(&group.member).await;
    (group, first, second)
}

#[tokio::test]
async fn a_former_member_keeps_what_they_had_and_sees_nothing_after() {
    let (group, ..) = start().await;
    let mut socket = group.server.open(&group.member).await;
    socket.next_of("sync_complete").await;
    // What waited for them from before their removal was pushed now: their own delivered mark moves.
    let is_marked = format!(
        "select delivered_seq = 2 from members where user_id = '{}'",
        group.member.id
    );
    group.server.wait_until(&is_marked).await;
    let before = (
        group.member.listed(&group.server, &group.id).await,
        group.member.messages(&group.server, &group.id).await,
        group.member.changes(&group.server, &group.id, 0).await,
    );
    let third = group.say(&group.owner, "three").await;
    let newcomer = group.server.user("newcomer").await;
    group.add(&newcomer).await;
    group
        .owner
        .set_member(&group.server, &group.id, &group.admin, Some("owner"))
        .await
        .ok();
    group.admin.read(&group.server, &group.id, None).await.ok();
    let name = json!({"name": "Without them"});
    group
        .owner
        .call(&group.server, "PATCH", &format!("/conversations/{}", group.id), name)
        .await
        .ok();
    group.owner.edit(&group.server, &third, "3").await;
    group.owner.delete(&group.server, &third).await;

    let after = (
        group.member.listed(&group.server, &group.id).await,
        group.member.messages(&group.server, &group.id).await,
        group.member.changes(&group.server, &group.id, 0).await,
    );
    assert_eq!(after, before);
    socket.expect_nothing().await;
    let (listed, messages, changes) = after;
    assert_eq!(
        (&listed["name"], &listed["members"], &listed["last_seq"]),
        (&json!("Friends"), &json!([]), &json!(2))
    );
    assert_eq!(listed["last_message"]["content"], "two");
    assert_eq!(strings(&messages, "content"), ["one", "two"]);
    let members = changes["members"].as_array().unwrap();
    assert_eq!(members.len(), 1, "{changes}");
    assert_eq!(
        (&members[0]["user_id"], &members[0]["removed"]),
        (&json!(group.member.id), &json!(true))
    );
}

#[tokio::test]
async fn nobody_is_told_how_far_a_former_member_has_what_was_there() {
    let (group, ..) = start().await;
    let mut of_owner = connected(&group.server, &group.owner).await;
    let _of_admin = connected(&group.server, &group.admin).await;
    let version = group.owner.listed(&group.server, &group.id).await["version"].clone();
    let _of_member = connected(&group.server, &group.member).await;
    let is_marked = format!(
        "select delivered_seq = 2 from members where user_id = '{}'",
        group.member.id
    );
    group.server.wait_until(&is_marked).await;
    let changes = group
        .owner
        .changes(&group.server, &group.id, version.as_i64().unwrap())
        .await;
    assert_eq!(changes["members"], json!([]), "{changes}");
    assert_eq!(group.owner.listed(&group.server, &group.id).await["version"], version);

    // A mark that is told, so that one of before would have been.
    of_owner.say_in(&group.id, "three").await;
    let is_mark_of = |frame: &Value, user: &str| frame["type"] == "delivered" && frame["user_id"] == user;
    let is_last = |frame: &Value| is_mark_of(frame, &group.admin.id) && frame["seq"] == 3;
    let told = of_owner.take_all_until(is_last).await;
    assert!(
        !told.iter().any(|frame| is_mark_of(frame, &group.member.id)),
        "{told:?}"
    );
}

#[tokio::test]
async fn what_changes_after_the_removal_is_shown_as_deleted() {
    let (group, first, second) = start().await;
    let unread = group.member.listed(&group.server, &group.id).await["unread_count"].clone();
    assert_eq!(unread, 2);
    group.owner.edit(&group.server, &first, "changed afterwards").await;
    group.owner.delete(&group.server, &second).await;
    let messages = group.member.messages(&group.server, &group.id).await;
    for (message, sent) in std::iter::zip(&messages, [&first, &second]) {
        assert_eq!(
            (&message["content"], &message["is_deleted"]),
            (&Value::Null, &json!(true))
        );
        assert_eq!(message["version"], sent["version"]);
    }
    let changes = group.member.changes(&group.server, &group.id, 0).await;
    assert_eq!(changes["messages"], json!(messages));
    let everything = json!([messages, changes, group.member.listed(&group.server, &group.id).await]);
    assert!(!everything.to_string().contains("changed afterwards"));
    assert_eq!(group.member.listed(&group.server, &group.id).await["unread_count"], 0);
}

#[tokio::test]
async fn an_edit_from_after_the_removal_does_not_show_its_time() {
    let (group, first, _) = start().await;
    group.owner.edit(&group.server, &first, "changed afterwards").await;
    assert_eq!(
        group.member.messages(&group.server, &group.id).await[0]["edited_at"],
        Value::Null
    );
}

#[tokio::test]
async fn a_former_member_can_not_write_read_or_change_anything() {
    let group = Group::start().await;
    let own = group.say(&group.member, "mine").await;
    group.remove(&group.member).await;
    let (server, member) = (&group.server, &group.member);
    let mut socket = server.open(member).await;
    socket.next_of("sync_complete").await;
    for frame in [
        said(&group.id, "still here?"),
        json!({"type": "read", "conversation_id": group.id}),
        json!({"type": "typing", "conversation_id": group.id, "active": true}),
    ] {
        socket.send(&frame).await;
        assert_eq!(socket.next().await["code"], "forbidden", "{frame}");
    }
    let id = own["id"].as_str().unwrap();
    let calls = [
        ("PATCH", format!("/messages/{id}"), json!({"content": "x"})),
        ("DELETE", format!("/messages/{id}"), Value::Null),
        ("POST", format!("/messages/{id}/read"), Value::Null),
        ("POST", format!("/conversations/{}/read", group.id), Value::Null),
        ("PATCH", format!("/conversations/{}", group.id), json!({"name": "x"})),
        (
            "PUT",
            format!("/conversations/{}/members/{}", group.id, member.id),
            Value::Null,
        ),
        (
            "DELETE",
            format!("/conversations/{}/members/{}", group.id, member.id),
            Value::Null,
        ),
        (
            "DELETE",
            format!("/conversations/{}/members/{}", group.id, group.admin.id),
            Value::Null,
        ),
    ];
    for (method, path, body) in calls {
        member.call(server, method, &path, body).await.problem(403, "forbidden");
    }
    assert_eq!(group.seen_by(&group.owner).await, [(1, json!("mine"))]);
}

#[tokio::test]
async fn a_send_from_before_the_removal_can_be_repeated() {
    let group = Group::start().await;
    let mut socket = group.server.open(&group.member).await;
    socket.next_of("sync_complete").await;
    let mut frame = said(&group.id, "just in time");
    frame["client_id"] = json!("c1");
    let sent = socket.ask(&frame).await;
    group.remove(&group.member).await;
    socket.next_of("member_removed").await;
    assert_eq!(socket.ask(&frame).await, sent);
    frame["client_id"] = json!("c2");
    assert_eq!(socket.ask(&frame).await["code"], "forbidden");
    assert_eq!(group.seen_by(&group.owner).await, [(1, json!("just in time"))]);
}

#[tokio::test]
async fn whoever_is_added_again_starts_anew() {
    let (group, first, _) = start().await;
    group.say(&group.owner, "three").await;
    group.add(&group.member).await;
    assert_eq!(group.seen_by(&group.member).await, []);
    let listed = group.member.listed(&group.server, &group.id).await;
    assert_eq!(
        (&listed["unread_count"], &listed["last_seq"], &listed["last_message"]),
        (&json!(0), &json!(3), &Value::Null)
    );
    assert_eq!(listed["members"].as_array().unwrap().len(), 3);
    let path = format!("/messages/{}/read", first["id"].as_str().unwrap());
    group
        .member
        .call(&group.server, "POST", &path, Value::Null)
        .await
        .problem(404, "unknown_message");
    group.say(&group.owner, "four").await;
    assert_eq!(group.seen_by(&group.member).await, [(4, json!("four"))]);
    assert_eq!(group.member.read(&group.server, &group.id, None).await.ok()["seq"], 4);
}

#[tokio::test]
async fn what_waited_for_a_member_is_not_pushed_beyond_their_removal() {
    let (group, ..) = start().await;
    group.say(&group.owner, "three").await;
    let mut socket = group.server.open(&group.member).await;
    let frames = socket.take_until(|frame| frame["type"] == "sync_complete").await;
    assert!(
        strings(&frames, "content").iter().all(|content| *content != "three"),
        "{frames:?}"
    );
}
