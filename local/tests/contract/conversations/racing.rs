//! What happens to a group when everybody acts at once.

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use super::Group;
use super::sending::connected;
use crate::support::{Socket, said, strings};

/// Sends `count` messages at once; how many were stored, and the codes of the other answers.
async fn send_at_once(socket: &mut Socket, group: &str, name: &str, count: usize) -> (usize, Vec<String>) {
    for n in 0..count {
        let mut frame = said(group, &format!("{name} {n}"));
        frame["client_id"] = json!(format!("{name} {n}"));
        socket.send(&frame).await;
    }
    let (mut stored, mut codes) = (0, Vec::new());
    while stored + codes.len() < count {
        let answer = socket.next().await;
        match answer["code"].as_str() {
            Some(code) => codes.push(code.to_owned()),
            None if answer["client_id"].is_string() => stored += 1,
            None => {}
        }
    }
    (stored, codes)
}

/// What the database has of the group: who takes part, how many it believes that they are, how many messages, the last number.
async fn counts(group: &Group) -> (i64, i64, i64, i64) {
    let query = "select (select count(*) from members where conversation_id = c.id and left_seq is null),
             member_count::bigint, (select count(distinct seq) from messages where conversation_id = c.id), last_seq
         from conversations c where id = $1::text::uuid";
    let row = group.server.sql().await.query_one(query, &[&group.id]).await.unwrap();
    (row.get(0), row.get(1), row.get(2), row.get(3))
}

#[tokio::test]
async fn sends_additions_and_removals_at_once_leave_no_hole_and_no_wrong_count() {
    let group = Group::start().await;
    let server = &group.server;
    let guests = server.crowd("guest", 8).await;
    let (mut of_owner, mut of_admin, mut of_member) = (
        connected(server, &group.owner).await,
        connected(server, &group.admin).await,
        connected(server, &group.member).await,
    );
    let comings = join_all(guests.iter().map(async |guest| {
        let path = format!("/conversations/{}/members/{guest}", group.id);
        for user in [&group.owner, &group.admin] {
            user.call(server, "PUT", &path, Value::Null).await.ok();
            user.call(server, "DELETE", &path, Value::Null).await.ok();
        }
        group.owner.call(server, "PUT", &path, Value::Null).await.ok();
    }));
    let sends = join_all([
        send_at_once(&mut of_owner, &group.id, "owner", 15),
        send_at_once(&mut of_admin, &group.id, "admin", 15),
        send_at_once(&mut of_member, &group.id, "member", 15),
    ]);
    let (_, sends) = join(comings, sends).await;
    assert!(
        sends.iter().all(|(stored, codes)| *stored == 15 && codes.is_empty()),
        "{sends:?}"
    );
    assert_eq!(counts(&group).await, (11, 11, 45, 45));
    let seqs: Vec<_> = group
        .seen_by(&group.owner)
        .await
        .into_iter()
        .map(|(seq, _)| seq)
        .collect();
    assert_eq!(seqs, (1..=45).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_send_that_races_a_removal_is_stored_before_it_or_never() {
    for round in 0..3 {
        let group = Group::start().await;
        let mut of_member = connected(&group.server, &group.member).await;
        let name = format!("round {round}");
        let sends = send_at_once(&mut of_member, &group.id, &name, 25);
        let removal = group.owner.remove_member(&group.server, &group.id, &group.member);
        let ((stored, codes), removed) = join(sends, removal).await;
        removed.ok();
        assert!(codes.iter().all(|code| code == "forbidden"), "{codes:?}");
        let listed = group.member.listed(&group.server, &group.id).await;
        assert_eq!(listed["last_seq"].as_u64(), u64::try_from(stored).ok(), "{listed}");
        assert_eq!(group.seen_by(&group.owner).await.len(), stored);
        assert_eq!(group.seen_by(&group.member).await.len(), stored);
        of_member.send(&said(&group.id, "late")).await;
        assert_eq!(of_member.next_of("error").await["code"], "forbidden");
    }
}

#[tokio::test]
async fn nothing_from_after_their_removal_reaches_a_member() {
    let group = Group::start().await;
    let (mut of_member, mut of_owner) = (
        connected(&group.server, &group.member).await,
        connected(&group.server, &group.owner).await,
    );
    let sends = send_at_once(&mut of_owner, &group.id, "owner", 40);
    let removal = group.admin.remove_member(&group.server, &group.id, &group.member);
    let ((stored, _), removed) = join(sends, removal).await;
    removed.ok();
    assert_eq!(stored, 40);
    let last = group.member.listed(&group.server, &group.id).await["last_seq"]
        .as_i64()
        .unwrap();
    let frames = of_member.catch_up().await;
    let messages: Vec<_> = frames.iter().filter(|frame| frame["type"] == "message").collect();
    assert!(
        messages.iter().all(|frame| frame["seq"].as_i64().unwrap() <= last),
        "{last}: {frames:?}"
    );
    assert_eq!(group.seen_by(&group.member).await.len(), usize::try_from(last).unwrap());
}

#[tokio::test]
async fn additions_at_once_do_not_overfill_a_group() {
    let group = Group::start().await;
    let crowd = group.server.crowd("early", 247).await;
    let sql = group.server.sql().await;
    let fill = "insert into members (conversation_id, user_id, version, active_at)
             select $1::text::uuid, unnest($2::text[]::uuid[]), 1, clock_timestamp()";
    sql.execute(fill, &[&group.id, &crowd]).await.unwrap();
    let count = "update conversations set member_count = 250 where id = $1::text::uuid";
    sql.execute(count, &[&group.id]).await.unwrap();
    let late = group.server.crowd("late", 12).await;
    let answers = join_all(late.iter().map(async |guest| {
        let path = format!("/conversations/{}/members/{guest}", group.id);
        group
            .owner
            .call(&group.server, "PUT", &path, Value::Null)
            .await
            .status
            .as_u16()
    }))
    .await;
    let with = |status| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((with(200), with(409)), (6, 6), "{answers:?}");
    let (members, believed, ..) = counts(&group).await;
    assert_eq!((members, believed), (256, 256));
}

#[tokio::test]
async fn of_two_owners_who_leave_at_once_one_stays() {
    for _ in 0..3 {
        let group = Group::start().await;
        group
            .owner
            .set_member(&group.server, &group.id, &group.admin, Some("owner"))
            .await
            .ok();
        let (one, other) = join(
            group.owner.remove_member(&group.server, &group.id, &group.owner),
            group.admin.remove_member(&group.server, &group.id, &group.admin),
        )
        .await;
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
}

#[tokio::test]
async fn everything_at_once_in_two_groups_ends_and_fails_nowhere() {
    let group = Group::start().await;
    let server = &group.server;
    let other = group
        .admin
        .make_group(server, "Others", &[&group.owner, &group.member])
        .await;
    let messages = [
        group.say(&group.owner, "one").await,
        group.say(&group.owner, "two").await,
    ];
    let (mut of_owner, mut of_member) = (
        connected(server, &group.owner).await,
        connected(server, &group.member).await,
    );
    let sends = join(
        send_at_once(&mut of_owner, &group.id, "owner", 20),
        send_at_once(&mut of_member, &other, "member", 20),
    );
    let calls = join_all((0..10).map(async |n| {
        for id in [&group.id, &other] {
            group.admin.read(server, id, Some(n)).await.ok();
            group.member.read(server, id, None).await.ok();
            group.member.changes(server, id, 0).await;
        }
        group.owner.edit(server, &messages[0], &format!("{n}")).await;
        group.owner.edit(server, &messages[1], &format!("{n}")).await;
        let name = json!({"name": format!("name {n}")});
        group
            .admin
            .call(server, "PATCH", &format!("/conversations/{other}"), name)
            .await
            .ok();
        group
            .owner
            .set_member(
                server,
                &group.id,
                &group.admin,
                Some(if n % 2 == 0 { "member" } else { "admin" }),
            )
            .await
            .ok();
    }));
    let (_, (one, two)) = join(calls, sends).await;
    assert_eq!((one, two), ((20, vec![]), (20, vec![])));
    assert_eq!(group.seen_by(&group.owner).await.len(), 22);
    assert_eq!(
        strings(&group.member.messages(server, &other).await, "content").len(),
        20
    );
}
