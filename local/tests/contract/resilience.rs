//! What happens when something dies: nothing acknowledged is lost, every failure has an answer, and it heals by itself.

use std::path::PathBuf;
use std::time::Duration;

use local::database::DatabaseError;
use local::postgres::{Options, Postgres};
use local::server::ServerError;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::{self, Socket, TestServer, User, unique};

/// A Postgres that a test may stop, with a folder of its own.
struct OwnPostgres {
    folder: PathBuf,
}

impl OwnPostgres {
    fn new() -> Self {
        Self {
            folder: std::env::temp_dir().join(unique("confab_own_postgres")),
        }
    }

    async fn start(&self) -> Postgres {
        Postgres::start(Options::new(&self.folder).non_durable()).await.unwrap()
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Sends until the frame is stored: who gets `unavailable` repeats with the same `client_id`.
pub async fn send_until_stored(socket: &mut Socket, frame: &Value) -> Value {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        socket.send(frame).await;
        let answer = socket.next().await;
        if answer["type"] == "direct_message" {
            return answer;
        }
        assert_eq!(answer["code"], "unavailable", "{answer}");
        assert_eq!(answer["client_id"], frame["client_id"]);
        assert!(Instant::now() < deadline, "the database did not come back");
        sleep(Duration::from_millis(100)).await;
    }
}

async fn contents(server: &TestServer, user: &User, other: &User) -> Vec<String> {
    let messages = user.get(server, &format!("/chats/{}", other.id)).await;
    let messages = messages.as_array().unwrap().iter().rev();
    messages
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn while_postgres_is_away_everything_is_answered_and_it_recovers_under_open_sockets() {
    let own = OwnPostgres::new();
    let postgres = own.start().await;
    let server = TestServer::on_database(postgres.url()).await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&ada).await, server.connect(&bob).await);
    from.say(&bob, "before").await;
    assert_eq!(to.next().await["content"], "before");

    postgres.stop().await;
    let frame = json!({"type": "direct_message", "to": bob.id, "content": "during", "client_id": "c1"});
    from.send(&frame).await;
    let refusal = from.next().await;
    assert_eq!(
        (&refusal["code"], &refusal["client_id"]),
        (&json!("unavailable"), &json!("c1"))
    );
    let answer = ada.request(&server, Method::GET, "/users/me").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key(RETRY_AFTER));
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "unavailable");
    let health = server.request(Method::GET, "/health").send().await.unwrap();
    assert_eq!(health.status(), StatusCode::SERVICE_UNAVAILABLE);
    to.expect_nothing().await;

    let postgres = own.start().await;
    let stored = send_until_stored(&mut from, &frame).await;
    assert_eq!(stored["seq"], 2);
    assert_eq!(to.next().await["id"], stored["id"]);
    assert_eq!(contents(&server, &bob, &ada).await, ["before", "during"]);
    server.stop().await;
    postgres.stop().await;
}

#[tokio::test]
async fn a_postgres_that_is_killed_comes_back_and_nothing_acknowledged_is_lost() {
    let own = OwnPostgres::new();
    // Durable, as the product runs it: what was committed must survive.
    let postgres = Postgres::start(Options::new(&own.folder)).await.unwrap();
    let server = TestServer::on_database(postgres.url()).await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let mut from = server.connect(&ada).await;
    for round in 0..3 {
        let content = format!("round {round}");
        let frame = json!({"type": "direct_message", "to": bob.id, "content": content, "client_id": content});
        from.send(&frame).await;
        let killed = postgres.pid();
        kill(Pid::from_raw(killed), Signal::SIGKILL).unwrap();
        let answer = from.next().await;
        let stored = match answer["type"].as_str() {
            Some("direct_message") => answer,
            _ => send_until_stored(&mut from, &frame).await,
        };
        assert_eq!(stored["seq"], round + 1);
        // A session can outlive its postmaster for a moment; the next round needs one to kill.
        postgres.wait_for_successor(killed).await;
        send_until_stored(&mut from, &frame).await;
    }
    let mut to = server.open(&bob).await;
    let missed = to.take_until(|frame| frame["type"] == "sync_complete").await;
    let missed: Vec<_> = missed.iter().filter_map(|frame| frame["content"].as_str()).collect();
    assert_eq!(missed, ["round 0", "round 1", "round 2"]);
    server.stop().await;
    postgres.stop().await;
}

#[tokio::test]
async fn a_restarted_server_delivers_what_was_sent_before() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let mut from = server.connect(&ada).await;
    let stored = from.say(&bob, "kept").await;
    let server = server.restart().await;
    let mut to = server.open(&bob).await;
    let frames = to.take(2).await;
    assert_eq!(frames[0]["id"], stored["id"]);
    assert_eq!(frames[1], json!({"type": "sync_complete", "has_more": false}));
}

#[tokio::test]
async fn a_second_gateway_on_the_same_database_is_refused_and_says_why() {
    let server = TestServer::start().await;
    let error = server.try_another().await.expect_err("a lock that is held");
    assert!(matches!(error, ServerError::Database(DatabaseError::Locked)), "{error}");
    assert!(error.to_string().contains("already serves this database"));
}

#[tokio::test]
async fn a_connection_whose_row_is_gone_is_closed_so_that_the_client_comes_back() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let mut socket = server.connect(&ada).await;
    server
        .sql()
        .await
        .execute("delete from connections", &[])
        .await
        .unwrap();
    socket
        .send(&json!({"type": "direct_message", "to": bob.id, "content": "x"}))
        .await;
    assert_eq!(support::close_code(&mut socket).await, Some(1000));
    let mut again = server.connect(&ada).await;
    assert_eq!(again.say(&bob, "x").await["seq"], 1);
}

/// The statements of either protocol that the log has of `database` between two marks.
fn statements(log: &str, database: &str, begin: &str, end: &str) -> Vec<String> {
    log.lines()
        .skip_while(|line| !line.contains(begin))
        .skip(1)
        .take_while(|line| !line.contains(end))
        .filter(|line| line.contains(database))
        .filter(|line| line.contains("LOG:  execute ") || line.contains("LOG:  statement: "))
        .map(str::to_owned)
        .collect()
}

/// What Postgres runs from a frame to its acknowledgement.
async fn statements_of_a_send(server: &TestServer, socket: &mut Socket, frame: &Value) -> Vec<String> {
    let sql = server.sql().await;
    let database = server.database().await;
    let (begin, end) = (unique("'begin"), unique("'end"));
    sql.batch_execute(&format!("select {begin}'")).await.unwrap();
    socket.send(frame).await;
    assert_eq!(socket.next().await["content"], frame["content"]);
    sql.batch_execute(&format!("select {end}'")).await.unwrap();
    let log = std::fs::read_to_string(server.postgres_log()).unwrap();
    statements(&log, &database, &begin, &end)
}

async fn expect_one_statement_for_a_send(how: &str) {
    if support::only_in_process("a function tries its connection before each use, and writes marks before it returns") {
        return;
    }
    let server = TestServer::with(support::Options::environment("DATABASE_STATEMENTS", how)).await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let log_all = format!("alter database {} set log_statement = 'all'", server.database().await);
    server.sql().await.batch_execute(&log_all).await.unwrap();
    // The setting holds for new sessions, and only these have no prepared statements yet.
    let server = server.restart().await;
    // Nobody is there to get them: delivered marks would have statements of their own.
    let mut from = server.connect(&ada).await;
    from.say(&bob, "the first one prepares the statement and makes the conversation")
        .await;

    let named = [Some("a"), Some("b"), Some("c")];
    for client_ids in [[None; 3], named, named] {
        let mut sends = Vec::new();
        for client_id in client_ids {
            let frame = json!({"type": "direct_message", "to": bob.id, "content": "counted", "client_id": client_id});
            sends.push(statements_of_a_send(&server, &mut from, &frame).await);
        }
        // Upkeep has statements of its own at some time or other; what belongs to a send comes with each.
        let fewest = sends.iter().min_by_key(|statements| statements.len()).unwrap();
        assert_eq!(fewest.len(), 1, "{sends:#?}");
        assert!(fewest[0].contains("post_message"), "{sends:#?}");
        let is_unnamed = fewest[0].contains("execute <unnamed>");
        assert_eq!(is_unnamed, how == "unnamed", "{sends:#?}");
    }
}

#[tokio::test]
async fn a_send_is_one_statement() {
    expect_one_statement_for_a_send("prepared").await;
}

#[tokio::test]
async fn a_send_is_one_statement_where_none_is_prepared() {
    expect_one_statement_for_a_send("unnamed").await;
}
