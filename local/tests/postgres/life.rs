//! Start, stop, and what happens between.

use std::time::Duration;

use local::postgres::{Options, Postgres, PostgresError};
use nix::sys::signal::Signal;
use tokio_postgres::NoTls;

use crate::support::{Scratch, answers, ask, eventually, signal};

#[tokio::test]
async fn it_starts_answers_and_stops() {
    let scratch = Scratch::new("starts");
    let postgres = Postgres::start(Options::new(&scratch.0)).await.unwrap();
    let url = postgres.url();
    assert_eq!(
        ask(&url, "SELECT current_database() || ' ' || current_user").await,
        "confab confab"
    );
    assert_eq!(ask(&url, "SHOW server_encoding").await, "UTF8");
    assert_eq!(ask(&url, "SHOW timezone").await, "UTC");
    assert_eq!(ask(&url, "SHOW fsync").await, "on");
    assert_eq!(ask(&url, "SHOW listen_addresses").await, "");
    assert_eq!(ask(&url, "SELECT lower('ÄÉ')").await, "äé");
    postgres.stop().await;
    assert!(!answers(&url).await);
}

#[tokio::test]
async fn data_outlives_the_server() {
    let scratch = Scratch::new("data");
    let postgres = Postgres::start(Options::new(&scratch.0)).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&postgres.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .batch_execute("CREATE TABLE kept AS SELECT 'here'::text AS what")
        .await
        .unwrap();
    postgres.stop().await;

    let postgres = Postgres::start(Options::new(&scratch.0)).await.unwrap();
    assert_eq!(ask(&postgres.url(), "SELECT what FROM kept").await, "here");
    postgres.stop().await;
}

#[tokio::test]
async fn tests_run_without_durability_and_with_their_own_settings() {
    let scratch = Scratch::new("settings");
    let postgres = Postgres::start(scratch.options().setting("max_connections", "33"))
        .await
        .unwrap();
    assert_eq!(ask(&postgres.url(), "SHOW fsync").await, "off");
    assert_eq!(ask(&postgres.url(), "SHOW max_connections").await, "33");
    postgres.stop().await;
}

#[tokio::test]
async fn a_setting_that_postgres_refuses_is_shown_with_the_log() {
    let scratch = Scratch::new("refused");
    let error = Postgres::start(scratch.options().setting("max_connections", "many"))
        .await
        .unwrap_err();
    assert!(matches!(error, PostgresError::StartFailed { .. }), "{error}");
    assert!(error.to_string().contains("max_connections"), "{error}");
}

#[tokio::test]
async fn a_second_start_says_who_has_the_folder() {
    let scratch = Scratch::new("second");
    let postgres = Postgres::start(scratch.options()).await.unwrap();
    let error = Postgres::start(scratch.options()).await.unwrap_err();
    assert!(matches!(error, PostgresError::AlreadyRunning { .. }), "{error}");
    let message = error.to_string();
    assert!(
        message.contains(&format!("process {}", std::process::id())),
        "{message}"
    );
    assert!(message.contains(scratch.0.to_str().unwrap()), "{message}");
    assert_eq!(ask(&postgres.url(), "SELECT 'unharmed'").await, "unharmed");
    postgres.stop().await;
}

#[tokio::test]
async fn a_dropped_server_shuts_down() {
    let scratch = Scratch::new("dropped");
    let postgres = Postgres::start(scratch.options()).await.unwrap();
    let url = postgres.url();
    drop(postgres);
    eventually("the server ends", Duration::from_secs(30), async || {
        !answers(&url).await
    })
    .await;
}

#[tokio::test]
async fn a_killed_postmaster_is_replaced() {
    let scratch = Scratch::new("killed");
    let postgres = Postgres::start(scratch.options()).await.unwrap();
    let (url, first) = (postgres.url(), postgres.pid());
    signal(first, Signal::SIGKILL);
    let limit = Duration::from_secs(30);
    eventually("another postmaster answers", limit, async || {
        postgres.pid() != first && answers(&url).await
    })
    .await;
    let second = postgres.pid();
    signal(second, Signal::SIGKILL);
    eventually("and again", limit, async || {
        postgres.pid() != second && answers(&url).await
    })
    .await;
    postgres.stop().await;
    assert!(!answers(&url).await);
}
