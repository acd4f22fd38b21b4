//! Migrating a real database: anew, again, at the same time, ahead of the code, and with a history that contradicts it.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use local::postgres::{Options, Postgres, PostgresError};
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

/// The migrations up to `last`, in their order.
fn migrations(numbers: std::ops::RangeInclusive<u32>) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    let text = |number| {
        let is_it = |file: &&PathBuf| {
            file.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(&format!("V{number}__"))
        };
        std::fs::read_to_string(files.iter().find(is_it).unwrap()).unwrap()
    };
    numbers.map(text).collect::<Vec<_>>().join("\n")
}

/// Of a message that was changed before the migration nobody knows at which version it was stored; but no two may stand at one.
#[tokio::test]
async fn messages_of_the_previous_release_that_were_changed_have_places_of_their_own() {
    let postgres = start("places").await;
    let endpoint = create_database(&postgres, "old").await;
    execute(&endpoint, &migrations(1..=6)).await;
    let history = "
        insert into users (id, username, username_key, email, password_hash) values
            ('00000000-0000-7000-8000-000000000001', 'a', 'a', 'a@a', 'x'), ('00000000-0000-7000-8000-000000000002', 'b', 'b', 'b@b', 'x');
        insert into connections (id, user_id) values ('c', '00000000-0000-7000-8000-000000000001');
        do $$
        begin
            for n in 1..128 loop
                delete from rate_limits;
                perform send_message('c', '00000000-0000-7000-8000-000000000002', gen_random_uuid(), gen_random_uuid(), 'x', null, '');
                -- Versions that are no messages.
                perform change_message('00000000-0000-7000-8000-000000000001', (select id from messages where seq = 1), 'y') from generate_series(1, n % 3);
            end loop;
            perform change_message('00000000-0000-7000-8000-000000000001', id, null) from messages where seq between 3 and 100;
        end $$";
    execute(&endpoint, history).await;
    execute(&endpoint, &migrations(7..=12)).await;
    let client = endpoint.connect().await.unwrap();
    let wrong = "select count(*) from (
            select created_version, version, lag(created_version, 1, 0::bigint) over (order by seq) as below from messages
        ) places where created_version <= below or created_version > version";
    assert_eq!(client.query_one(wrong, &[]).await.unwrap().get::<_, i64>(0), 0);
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
    loop {
        match Postgres::start(Options::new(&folder).non_durable()).await {
            // By another run of the tests, which ends.
            Err(PostgresError::AlreadyRunning { .. }) => tokio::time::sleep(Duration::from_millis(100)).await,
            started => return started.unwrap(),
        }
    }
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
