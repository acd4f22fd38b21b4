//! Migrating a real database: anew, again, at the same time, ahead of the code, and with a history that contradicts it.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use local::postgres::{Options, Postgres};
use shared::db::connect::Endpoint;
use shared::db::migrate::{Applied, MigrateError, migrate};
use tokio::process::Command;
use tokio_postgres::Client;

#[tokio::test]
async fn a_database_is_brought_to_the_schema_of_the_code() {
    let postgres = start("up").await;

    let fresh = create_database(&postgres, "fresh").await;
    let applied = migrate(&fresh).await.unwrap();
    let expected: Vec<_> = (1..=i32::try_from(applied.versions.len()).unwrap()).collect();
    assert!(!expected.is_empty());
    assert_eq!(applied.versions, expected);
    assert_eq!(
        migrate(&fresh).await.unwrap(),
        Applied::default(),
        "a second time there is nothing to do"
    );

    let contended = create_database(&postgres, "contended").await;
    let (one, other) = tokio::join!(migrate(&contended), migrate(&contended));
    let versions = [one.unwrap().versions, other.unwrap().versions].concat();
    assert_eq!(versions, expected, "one of two applies them all, once");

    execute(&fresh, "insert into refinery_schema_history select 9999, 'of_tomorrow', applied_on, '1' from refinery_schema_history limit 1").await;
    assert_eq!(
        migrate(&fresh).await.unwrap(),
        Applied::default(),
        "a database may be ahead of the code"
    );

    postgres.stop().await;
}

#[tokio::test]
async fn a_history_that_contradicts_the_code_is_refused() {
    let postgres = start("contradictions").await;

    let changed = migrated_database(&postgres, "changed").await;
    execute(
        &changed,
        "update refinery_schema_history set checksum = '1' where version = 2",
    )
    .await;
    let refusal = migrate(&changed).await.unwrap_err();
    assert!(
        matches!(&refusal, MigrateError::Changed { file, .. } if file.starts_with("V2__")),
        "{refusal}"
    );

    let removed = migrated_database(&postgres, "removed").await;
    execute(
        &removed,
        "insert into refinery_schema_history select 0, 'gone', applied_on, '1' from refinery_schema_history limit 1",
    )
    .await;
    let refusal = migrate(&removed).await.unwrap_err();
    assert!(
        matches!(&refusal, MigrateError::Removed { migration } if migration == "V0__gone"),
        "{refusal}"
    );

    let late = migrated_database(&postgres, "late").await;
    execute(&late, "delete from refinery_schema_history where version = 1").await;
    let refusal = migrate(&late).await.unwrap_err();
    assert!(
        matches!(&refusal, MigrateError::Late { migration } if migration.starts_with("V1__")),
        "{refusal}"
    );

    postgres.stop().await;
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_of_itself() {
    let postgres = start("failure").await;

    let endpoint = create_database(&postgres, "failing").await;
    // A name that the second migration needs.
    execute(&endpoint, "create table rate_limits ()").await;
    let failure = migrate(&endpoint).await.unwrap_err();
    let causes = describe(&failure);
    assert!(causes.contains("V2__") && causes.contains("already exists"), "{causes}");
    execute(&endpoint, "drop table rate_limits").await;
    assert_eq!(
        migrate(&endpoint).await.unwrap().versions[0],
        2,
        "what came before it stays"
    );

    postgres.stop().await;
}

#[tokio::test]
async fn a_migration_waits_for_another_process() {
    let postgres = start("lock").await;

    let endpoint = create_database(&postgres, "locked").await;
    let holder = endpoint.connect().await.unwrap();
    holder
        .batch_execute("select pg_advisory_lock(x'636f6e6661624442'::bigint)")
        .await
        .unwrap();
    let waiting = tokio::spawn(async move { migrate(&endpoint).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!waiting.is_finished());
    drop(holder);
    assert!(!waiting.await.unwrap().unwrap().versions.is_empty());

    postgres.stop().await;
}

#[tokio::test]
async fn the_command_migrates_by_the_direct_way() {
    let postgres = start("direct").await;
    let admin = Endpoint::parse(&postgres.url()).unwrap();
    execute(&admin, "drop schema public cascade; create schema public").await;
    let command = Command::new(env!("CARGO_BIN_EXE_local"))
        .arg("migrate")
        .env("DATABASE_URL", "host=/nowhere")
        .env("DATABASE_DIRECT_URL", postgres.url())
        .status();
    assert!(command.await.unwrap().success());
    assert_eq!(migrate(&admin).await.unwrap(), Applied::default());

    postgres.stop().await;
}

async fn start(name: &str) -> Postgres {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("migrate-{name}"));
    Postgres::start(Options::new(folder).non_durable()).await.unwrap()
}

async fn create_database(postgres: &Postgres, name: &str) -> Endpoint {
    let admin = Endpoint::parse(&postgres.url()).unwrap();
    execute(&admin, &format!("drop database if exists {name} with (force)")).await;
    execute(&admin, &format!("create database {name}")).await;
    let admin = admin.config();
    let (user, host) = (admin.get_user().unwrap(), format!("{:?}", admin.get_hosts()[0]));
    let folder = host.split('"').nth(1).unwrap();
    Endpoint::parse(&format!("host='{folder}' user={user} dbname={name}")).unwrap()
}

async fn migrated_database(postgres: &Postgres, name: &str) -> Endpoint {
    let endpoint = create_database(postgres, name).await;
    migrate(&endpoint).await.unwrap();
    endpoint
}

async fn execute(endpoint: &Endpoint, statement: &str) {
    let client: Client = endpoint.connect().await.unwrap();
    client.batch_execute(statement).await.unwrap();
}

/// An error with its causes.
fn describe(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
