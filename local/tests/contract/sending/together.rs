//! Sends at the same moment are stored with one statement, and none of them can harm another.
//!
//! To have sends gather for certain, the first of them waits for a lock in each test.

use futures_util::future::join_all;
use serde_json::Value;

use crate::support::{Options, Socket, TestServer, User, direct_message, only_in_process};

/// A server whose statements may wait for a lock until a test is done, however slow the machine.
async fn start() -> TestServer {
    TestServer::with(Options::environment("DATABASE_TIMEOUT_MS", "60000")).await
}

/// Waits until a send waits for a lock.
async fn wait_until_locked_out(server: &TestServer) {
    let query = "select exists (select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock')";
    server.wait_until(query).await;
}

/// Somebody who has written to somebody else.
struct Sender {
    socket: Socket,
    receiver: User,
}

impl Sender {
    async fn new(server: &TestServer) -> Self {
        let (user, receiver) = (server.user("sender").await, server.user("receiver").await);
        let mut socket = server.connect(&user).await;
        socket.say(&receiver, "first").await;
        Self { socket, receiver }
    }

    async fn send(&mut self, content: &str) {
        self.socket.send(&direct_message(&self.receiver, content)).await;
    }

    /// Locks the conversation until the client is dropped.
    async fn lock(&self, server: &TestServer) -> tokio_postgres::Client {
        let client = server.sql().await;
        let lock = "begin; select from conversations where '{}' in (low_user, high_user) for update";
        client
            .batch_execute(&lock.replace("{}", &self.receiver.id))
            .await
            .unwrap();
        client
    }
}

async fn senders<const N: usize>(server: &TestServer) -> [Sender; N] {
    join_all((0..N).map(|_| Sender::new(server)))
        .await
        .try_into()
        .ok()
        .unwrap()
}

/// Has the first send wait for a lock, and then the others send.
async fn gather(server: &TestServer, first: &mut Sender, others: &mut [Sender]) -> tokio_postgres::Client {
    let lock = first.lock(server).await;
    first.send("waiting").await;
    wait_until_locked_out(server).await;
    join_all(others.iter_mut().map(|sender| sender.send("together"))).await;
    lock
}

async fn answers(senders: &mut [Sender]) -> Vec<Value> {
    join_all(senders.iter_mut().map(|sender| sender.socket.next())).await
}

/// How many commits stored the messages with this content.
async fn commits_of(content: &str, server: &TestServer) -> i64 {
    let count = "select count(distinct xmin::text) from messages where content = $1";
    server.sql().await.query_one(count, &[&content]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_is_sent_while_another_send_is_under_way_shares_a_commit() {
    if only_in_process("a function sends one message at a time") {
        return;
    }
    let server = start().await;
    let [mut first, mut others @ ..] = senders::<8>(&server).await;
    let lock = gather(&server, &mut first, &mut others).await;
    for answer in answers(&mut others).await {
        assert_eq!((&answer["content"], &answer["seq"]), (&"together".into(), &2.into()));
    }
    let commits = commits_of("together", &server).await;
    assert!((1..7).contains(&commits), "{commits} for 7 messages");
    drop(lock);
    assert_eq!(first.socket.next().await["content"], "waiting");
}

/// A commit that is only slow holds locks that the next sends may want, and what it waits for they would wait for, too.
#[tokio::test]
async fn what_is_sent_while_a_commit_takes_long_waits_for_it_and_shares_the_next() {
    if only_in_process("a function sends one message at a time") {
        return;
    }
    let server = start().await;
    let [mut first, mut others @ ..] = senders::<8>(&server).await;
    let slow_commit = "
        create function wait() returns trigger language plpgsql as $$
            begin perform pg_advisory_xact_lock_shared(1); return null; end $$;
        create constraint trigger slow after insert on messages deferrable initially deferred
            for each row execute function wait()";
    let sql = server.sql().await;
    sql.batch_execute(slow_commit).await.unwrap();
    sql.batch_execute("select pg_advisory_lock(1)").await.unwrap();
    let mut reader = server.connect(&server.user("reader").await).await;
    first.send("waiting").await;
    wait_until_locked_out(&server).await;
    // One after the other: each would be on its way to the database before the next comes, if it did not wait.
    for sender in &mut others {
        sender.send("together").await;
        for _ in 0..5 {
            reader.catch_up().await;
        }
    }
    sql.batch_execute("select pg_advisory_unlock(1)").await.unwrap();
    assert_eq!(first.socket.next().await["content"], "waiting");
    for answer in answers(&mut others).await {
        assert_eq!(answer["content"], "together");
    }
    let commits = commits_of("together", &server).await;
    assert!((1..=3).contains(&commits), "{commits} for 7 messages");
}

#[tokio::test]
async fn a_send_that_waits_for_a_lock_holds_nobody_up() {
    let server = start().await;
    let [mut first, mut second, mut others @ ..] = senders::<6>(&server).await;
    let locks = (second.lock(&server).await, {
        second.send("waiting too").await;
        gather(&server, &mut first, &mut others).await
    });
    for answer in answers(&mut others).await {
        assert_eq!(answer["content"], "together");
    }
    drop(locks);
    assert_eq!(first.socket.next().await["content"], "waiting");
    assert_eq!(second.socket.next().await["content"], "waiting too");
}

#[tokio::test]
async fn a_send_that_the_database_refuses_fails_alone() {
    let server = start().await;
    let [mut first, mut refused, mut others @ ..] = senders::<6>(&server).await;
    let refuse = "create function refuse() returns trigger language plpgsql as $$
            begin if new.content = 'refused' then raise 'no'; end if; return new; end $$;
        create trigger refuse before insert on messages for each row execute function refuse()";
    server.sql().await.batch_execute(refuse).await.unwrap();
    let lock = first.lock(&server).await;
    first.send("waiting").await;
    refused.send("refused").await;
    join_all(others.iter_mut().map(|sender| sender.send("together"))).await;
    for answer in answers(&mut others).await {
        assert_eq!(answer["content"], "together");
    }
    let answer = refused.socket.next().await;
    assert_eq!(
        (&answer["type"], &answer["code"]),
        (&"error".into(), &"unavailable".into())
    );
    drop(lock);
    assert_eq!(first.socket.next().await["content"], "waiting");
}

#[tokio::test]
async fn first_messages_and_wrong_ones_have_their_own_answers_among_others() {
    let server = start().await;
    let [mut first, mut newcomer, mut wrong, mut others @ ..] = senders::<6>(&server).await;
    newcomer.receiver = server.user("newcomer").await;
    wrong.receiver.id = "01a203b6-cce0-7645-9632-470d35bc5b59".to_owned();
    let lock = first.lock(&server).await;
    first.send("waiting").await;
    newcomer.send("hello").await;
    wrong.send("hello?").await;
    join_all(others.iter_mut().map(|sender| sender.send("together"))).await;
    for answer in answers(&mut others).await {
        assert_eq!(answer["content"], "together");
    }
    let answer = newcomer.socket.next().await;
    assert_eq!((&answer["content"], &answer["seq"]), (&"hello".into(), &1.into()));
    assert_eq!(wrong.socket.next().await["code"], "unknown_user");
    drop(lock);
    assert_eq!(first.socket.next().await["content"], "waiting");
}
