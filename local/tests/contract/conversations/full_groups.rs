//! A group of as many members as there may be, all of them connected.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::json;
use shared::clock::SystemClock;
use shared::crypto::{JwtSecret, Tokens};
use shared::domain::UserId;

use crate::support::{JWT_SECRET, Options, Socket, TestServer, User, direct_message, in_lambda_mode, said};

/// How many of them do something at once: in Lambda mode that is how many processes run.
const AT_ONCE: usize = 16;

/// Users with tokens that no login gave them: so many logins would take a while.
async fn logged_in(server: &TestServer, count: i32) -> Vec<User> {
    let tokens = Tokens::new(&JwtSecret::parse(JWT_SECRET).unwrap(), Arc::new(SystemClock));
    let ids = server.crowd("member", count).await;
    let users = ids.into_iter().map(|id| User {
        token: tokens.issue(UserId::parse(&id).unwrap()).unwrap(),
        username: String::new(),
        email: String::new(),
        id,
    });
    users.collect()
}

/// Sends a user who reads nothing large messages, until the buffers on the way take none any more.
async fn fill_buffers(server: &TestServer, user: &User, from: &mut Socket) {
    let large = "😀".repeat(4096);
    let is_full = "select delivered_seq < last_seq from members join conversations on id = conversation_id
         where user_id = $1::text::uuid and kind = 'direct'";
    let sql = server.sql().await;
    // A function takes seconds for each of those that are too many.
    let at_once = if in_lambda_mode() { 5 } else { 50 };
    for _ in 0..200 {
        for _ in 0..at_once {
            from.ask(&direct_message(user, &large)).await;
        }
        server.functions_ended().await;
        server.wait_until_marks_are_written(from).await;
        if sql.query_one(is_full, &[&user.id]).await.unwrap().get(0) {
            return;
        }
    }
    panic!("the buffers took all of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_reaches_a_full_group_once_past_one_who_reads_nothing_and_one_who_is_dead() {
    let server = TestServer::with(Options::patient()).await;
    server.lift_rate_limits().await;
    let owner = server.user("owner").await;
    let members = logged_in(&server, 255).await;
    let ids: Vec<_> = members.iter().map(|member| &member.id).collect();
    let wanted = json!({"name": "Everyone", "user_ids": ids});
    let group = owner.call(&server, "POST", "/conversations", wanted).await;
    assert_eq!(group.status, 201, "{group:?}");
    let group = group.json()["id"].as_str().unwrap().to_owned();
    let [dead, slow, others @ ..] = members.as_slice() else {
        panic!("a group has 256 members");
    };

    let lost = "insert into connections (id, user_id, opened_at) values ('lost', $1::text::uuid, clock_timestamp())";
    server.sql().await.execute(lost, &[&dead.id]).await.unwrap();
    let mut unread = server.open_with_small_buffers(slow).await;
    unread.next_of("sync_complete").await;
    let mut from = server.connect(&owner).await;
    fill_buffers(&server, slow, &mut from).await;
    let mut sockets = Vec::new();
    for some in others.chunks(AT_ONCE) {
        sockets.extend(join_all(some.iter().map(|member| server.connect(member))).await);
    }

    let mut sent = from.ask(&said(&group, "Hello everyone")).await;
    let received = join_all(sockets.iter_mut().map(Socket::next)).await;
    sent.as_object_mut().unwrap().remove("client_id");
    for frame in &received {
        assert_eq!(*frame, sent);
    }
    // None of them a second time, unless a function tried again what took a busy machine too long.
    server.functions_ended().await;
    for some in sockets.chunks_mut(AT_ONCE) {
        for again in join_all(some.iter_mut().map(Socket::catch_up)).await.concat() {
            assert!(in_lambda_mode() && again == sent, "{again}");
        }
    }
    from.expect_nothing().await;
    let is_removed = "select not exists (select from connections where id = 'lost')";
    server.wait_until(is_removed).await;
    let all_but_two = "select count(*) = 253 from members join conversations on id = conversation_id
         where kind = 'group' and role = 'member' and delivered_seq = 1";
    server.wait_until(all_but_two).await;
}
