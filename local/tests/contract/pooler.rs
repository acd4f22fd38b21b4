//! A pooler between the gateway and Postgres. The whole contract is tested behind one too: `CONFAB_TEST_POOLER=pgbouncer`.

use std::time::Duration;

use local::database::DatabaseError;
use local::server::{Server, ServerError};
use reqwest::Method;
use serde_json::json;
use shared::db::connect::Endpoint;
use shared::db::migrate::MigrateError;
use shared::db::{Database, DatabaseConfig, Statements};
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

use crate::support::{self, Mode, Options, Pooler, TestServer, empty_database, unique};

async fn connect(url: &str) -> Client {
    Endpoint::parse(url).unwrap().connect().await.unwrap()
}

/// Starts a server with these settings, if it does.
async fn start(environment: &[(&'static str, &str)]) -> Result<Server, ServerError> {
    let environment = environment.iter().map(|(name, value)| (*name, (*value).to_owned()));
    Server::start(support::settings(environment.collect(), Options::default())).await
}

/// Waits until these hold the advisory locks in the client's database: a session that has ended keeps its own for a moment.
async fn wait_for_lock_holders(sql: &Client, expected: &[&str]) {
    let query = "select usename::text from pg_locks join pg_stat_activity using (pid)
        where locktype = 'advisory' and datname = current_database()";
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let rows = sql.query(query, &[]).await.unwrap();
        let holders: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        if holders == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{holders:?} instead of {expected:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn migrations_and_the_gateways_lock_take_the_direct_way() {
    let (_postgres, direct) = empty_database().await;
    let sql = connect(&direct).await;
    // Whoever may read and write, but create nothing.
    let visitor = unique("visitor");
    sql.batch_execute(&format!(
        "create role {visitor} login;
         revoke create on schema public from public;
         alter default privileges grant all on tables to {visitor}"
    ))
    .await
    .unwrap();
    let visitors = direct.replace("confab@", &format!("{visitor}@"));
    assert_ne!(visitors, direct);

    let server = start(&[("DATABASE_URL", &visitors), ("DATABASE_DIRECT_URL", &direct)]).await;
    wait_for_lock_holders(&sql, &["confab"]).await;
    let activity = "select count(*) > 0 from pg_stat_activity where usename = $1";
    let is_used: bool = sql.query_one(activity, &[&visitor]).await.unwrap().get(0);
    assert!(is_used);
    server.unwrap().stop().await;
    sql.batch_execute(&format!("drop owned by {visitor}; drop role {visitor}"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_direct_way_to_another_database_is_refused() {
    let ((_postgres, one), (_, other)) = (empty_database().await, empty_database().await);
    let refusal = start(&[("DATABASE_URL", &one), ("DATABASE_DIRECT_URL", &other)]).await;
    let refusal = refusal.err().expect("no start");
    assert!(
        matches!(refusal, ServerError::Database(DatabaseError::DifferentDatabases)),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_direct_way_alone_is_refused() {
    let refusal = start(&[("DATABASE_DIRECT_URL", "postgres://db.example/confab")]).await;
    let refusal = refusal.err().expect("no start");
    assert!(
        matches!(refusal, ServerError::Database(DatabaseError::OnlyDirect)),
        "{refusal}"
    );
}

/// tokio-postgres asks for the types that it does not know, by statements with names.
#[tokio::test]
async fn where_no_statement_is_prepared_none_has_a_name_whatever_is_asked() {
    let server = TestServer::with(Options::environment("DATABASE_STATEMENTS", "unnamed")).await;
    let database = server.database().await;
    let log_all = format!("alter database {database} set log_statement = 'all'");
    server.sql().await.batch_execute(&log_all).await.unwrap();
    // The setting holds for new sessions.
    let server = server.restart().await;
    let begin = unique("begin");
    let mark = format!("select '{begin}'");
    server.sql().await.batch_execute(&mark).await.unwrap();

    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let mut from = server.connect(&ada).await;
    let first = from.say(&bob, "first").await;
    let mut to = server.open(&bob).await;
    to.take(2).await;
    from.say(&bob, "second").await;
    to.next().await;
    ada.edit(&server, &first, "edited").await;
    ada.delete(&server, &first).await;
    let first = first["id"].as_str().unwrap();
    let paths = ["", "?limit=1", "?before=4102444800", &format!("?before={first}")];
    for path in paths {
        bob.get(&server, &format!("/chats/{}{path}", ada.id)).await;
    }
    let change = ada.request(&server, Method::PUT, "/users/me/update");
    let changed = change.json(&json!({"username": unique("eve")})).send().await.unwrap();
    changed.error_for_status().unwrap();
    let log_file = server.postgres_log();
    server.stop().await;

    let log = std::fs::read_to_string(log_file).unwrap();
    let lines = log.lines().skip_while(|line| !line.contains(&begin));
    let executed: Vec<_> = lines
        .filter(|line| line.contains(&database) && line.contains("LOG:  execute "))
        .collect();
    for part in [
        "admit_connection",
        "post_message",
        "move_delivered_marks",
        "amend_message",
        "first_seq_at",
    ] {
        assert!(executed.iter().any(|line| line.contains(part)), "{part}: {executed:#?}");
    }
    for line in executed {
        assert!(line.contains("execute <unnamed>"), "{line}");
    }
}

/// How to reach the database behind `pooler`, with one connection that is tried before each use, as a function does.
fn config(pooler: &Pooler, statements: Statements) -> DatabaseConfig {
    let endpoint = Endpoint::parse(pooler.url()).unwrap();
    DatabaseConfig {
        direct: endpoint.clone(),
        endpoint,
        statements,
        pool_size: 1,
        timeout: Duration::from_secs(5),
        verify_connections: true,
    }
}

#[tokio::test]
#[ignore = "needs PgBouncer"]
async fn a_lock_that_a_pooler_would_keep_is_refused_and_let_go() {
    let (_postgres, direct) = empty_database().await;
    let pooler = Pooler::start(&direct, Mode::Transaction).await;
    let refusal = start(&[("DATABASE_URL", pooler.url()), ("DATABASE_STATEMENTS", "unnamed")]).await;
    let refusal = refusal.err().expect("no start");
    assert!(
        matches!(
            refusal,
            ServerError::Database(DatabaseError::Migrate(MigrateError::SharedSession))
        ),
        "{refusal}"
    );
    assert!(refusal.to_string().contains("DATABASE_DIRECT_URL"), "{refusal}");
    wait_for_lock_holders(&connect(&direct).await, &[]).await;

    let both = [("DATABASE_URL", pooler.url()), ("DATABASE_DIRECT_URL", &direct)];
    start(&both).await.unwrap().stop().await;
}

/// Has the next statement behind `pooler` meet another session than the last one did.
async fn take_last_session(pooler: &Pooler) -> Client {
    let client = connect(pooler.url()).await;
    client.batch_execute("begin").await.unwrap();
    client
}

#[tokio::test]
#[ignore = "needs PgBouncer"]
async fn a_prepared_statement_that_a_pooler_lost_tells_what_to_set() {
    let (_postgres, direct) = empty_database().await;
    let pooler = Pooler::start(&direct, Mode::Transaction).await;
    let db = Database::new(&config(&pooler, Statements::Prepared)).unwrap();
    db.ping().await.unwrap();
    let _taken = take_last_session(&pooler).await;
    let failure = db.ping().await.unwrap_err().to_string();
    assert!(failure.contains("does not exist (26000)"), "{failure}");
    assert!(failure.contains("DATABASE_STATEMENTS=unnamed"), "{failure}");
}

#[tokio::test]
#[ignore = "needs PgBouncer"]
async fn unnamed_statements_on_connections_that_are_tried_first_meet_any_session() {
    let (_postgres, direct) = empty_database().await;
    let pooler = Pooler::start(&direct, Mode::Transaction).await;
    let db = Database::new(&config(&pooler, Statements::Unnamed)).unwrap();
    db.ping().await.unwrap();
    let _taken = take_last_session(&pooler).await;
    db.ping().await.unwrap();
}
