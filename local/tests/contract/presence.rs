//! Who is online, for those who may know.

mod contacts;
mod leases;

use serde_json::{Value, json};

use crate::support::{Socket, TestServer, User};

/// Makes two users who have written to each other: each sees when the other comes and goes. Neither was there for it, so nobody is
/// still to be told of anything.
async fn acquaint(server: &TestServer, one: &User, other: &User) {
    let id = one.open_direct(server, other).await;
    let statement = format!("update members set has_written = true where conversation_id = '{id}'");
    server.sql().await.batch_execute(&statement).await.unwrap();
}

async fn wait_until_offline(server: &TestServer, user: &User) {
    let query = format!(
        "select not exists (select from connections where user_id = '{}')",
        user.id
    );
    server.wait_until(&query).await;
}

/// The next change that is told of a user.
async fn change_of(socket: &mut Socket, user: &User) -> Value {
    let is_it = |frame: &Value| frame["type"] == "presence_change" && frame["user_id"] == user.id;
    socket.take_all_until(is_it).await.pop().unwrap()
}

fn version(change: &Value) -> i64 {
    change["version"].as_i64().unwrap()
}

/// Who was online when the socket was opened.
async fn online_users(socket: &mut Socket) -> Value {
    socket.next_of("online_users").await["users"].take()
}

#[tokio::test]
async fn the_first_connection_is_coming_and_the_last_one_going() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    acquaint(&server, &alice, &bob).await;
    let mut watcher = server.open(&alice).await;

    let (first, second) = (server.open(&bob).await, server.open(&bob).await);
    let came = change_of(&mut watcher, &bob).await;
    let expected = json!({"type": "presence_change", "user_id": bob.id, "online": true, "version": version(&came), "last_seen": null});
    assert_eq!(came, expected);
    first.close().await;
    second.close().await;
    // The next thing told is the end of the last connection: neither the second's beginning nor the first's end.
    let went = change_of(&mut watcher, &bob).await;
    assert_eq!((&went["online"], version(&went)), (&json!(false), version(&came) + 1));
    let last_seen = went["last_seen"].as_str().unwrap();
    assert!(last_seen.ends_with('Z'), "{went}");

    let _again = server.open(&bob).await;
    let came = change_of(&mut watcher, &bob).await;
    assert_eq!((&came["online"], version(&came)), (&json!(true), version(&went) + 1));
}

#[tokio::test]
async fn who_is_online_is_told_on_each_connect_before_anything_else() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut first = server.open(&alice).await;
    let frames = first.take_all_until(|frame| frame["type"] == "sync_complete").await;
    assert_eq!(frames[0], json!({"type": "online_users", "users": []}));
    first.close().await;
    acquaint(&server, &alice, &bob).await;
    server.leave_messages(&bob, &alice, 1).await;
    let mut of_bob = server.open(&bob).await;
    of_bob.next_of("sync_complete").await;
    let mut of_alice = server.open(&alice).await;
    let frames = of_alice.take_all_until(|frame| frame["type"] == "sync_complete").await;
    assert_eq!(frames[0], json!({"type": "online_users", "users": [bob.id]}));
    assert_eq!(frames[1]["content"], "waiting 1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_device_closing_while_another_opens_is_told_as_it_was() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    acquaint(&server, &alice, &bob).await;
    let mut watcher = server.connect(&alice).await;
    let mut device = server.open(&bob).await;
    for _ in 0..30 {
        let ((), next) = tokio::join!(device.close(), server.open(&bob));
        device = next;
    }
    device.close().await;
    wait_until_offline(&server, &bob).await;
    let query = format!("select presence_version from users where id = '{}'", bob.id);
    let last: i64 = server.sql().await.query_one(&query, &[]).await.unwrap().get(0);
    // Changes may overtake each other; in the order of their versions he came and went in turns, and none is missing.
    let mut changes = vec![change_of(&mut watcher, &bob).await];
    while changes.iter().map(version).max() != Some(last) || !is_complete(&changes) {
        changes.push(change_of(&mut watcher, &bob).await);
    }
    changes.sort_by_key(version);
    for pair in changes.windows(2) {
        assert_eq!(version(&pair[1]), version(&pair[0]) + 1);
        assert_ne!(pair[0]["online"], pair[1]["online"], "{pair:?}");
    }
    assert_eq!(changes.last().unwrap()["online"], false);
}

/// Whether no version between the lowest and the highest is missing.
fn is_complete(changes: &[Value]) -> bool {
    let versions: Vec<_> = changes.iter().map(version).collect();
    let (low, high) = (versions.iter().min().unwrap(), versions.iter().max().unwrap());
    i64::try_from(versions.len()).unwrap() == high - low + 1
}
