//! What a killed owner leaves behind.

use std::{fs, path::Path, time::Duration};

use local::postgres::{Options, Postgres};
use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Child,
};

use crate::support::{Scratch, answers, ask, eventually, run_alone, signal};

/// Not a test: the process that `start_owner` starts, and kills.
#[tokio::test]
#[ignore = "run by other tests as a process of its own"]
async fn own_a_server_until_killed() {
    let Some(folder) = std::env::var_os("CONFAB_TEST_FOLDER") else {
        return;
    };
    let postgres = Postgres::start(Options::new(folder).non_durable()).await.unwrap();
    println!("\npid {}", postgres.pid());
    std::future::pending::<()>().await;
}

/// A process that owns a server, and the postmaster's id.
async fn start_owner(folder: &Path) -> (Child, i32) {
    let mut owner = run_alone("takeover::own_a_server_until_killed", folder);
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some(pid) = line.strip_prefix("pid ") {
            return (owner, pid.parse().unwrap());
        }
    }
    panic!("the owner ended");
}

#[tokio::test]
async fn what_a_killed_owner_left_is_taken_over_and_still_watched() {
    let scratch = Scratch::new("taken-over");
    let (mut owner, left) = start_owner(&scratch.0).await;
    owner.kill().await.unwrap();
    let postgres = Postgres::start(scratch.options()).await.unwrap();
    assert_eq!(postgres.pid(), left);
    let url = postgres.url();
    signal(left, Signal::SIGKILL);
    let limit = Duration::from_secs(30);
    eventually("the one taken over is replaced", limit, async || {
        postgres.pid() != left && answers(&url).await
    })
    .await;
    postgres.stop().await;
    assert!(!answers(&url).await);
}

#[tokio::test]
async fn what_runs_with_other_settings_is_restarted() {
    let scratch = Scratch::new("other-settings");
    let (mut owner, left) = start_owner(&scratch.0).await;
    owner.kill().await.unwrap();
    let postgres = Postgres::start(scratch.options().setting("max_connections", "33"))
        .await
        .unwrap();
    assert_ne!(postgres.pid(), left);
    assert_eq!(ask(&postgres.url(), "SHOW max_connections").await, "33");
    postgres.stop().await;
}

#[tokio::test]
async fn a_server_that_is_shutting_down_is_waited_for() {
    let scratch = Scratch::new("shutting-down");
    let (mut owner, left) = start_owner(&scratch.0).await;
    owner.kill().await.unwrap();
    signal(left, Signal::SIGINT);
    let postgres = Postgres::start(scratch.options()).await.unwrap();
    eventually("it answers", Duration::from_secs(30), async || {
        answers(&postgres.url()).await
    })
    .await;
    postgres.stop().await;
}

#[tokio::test]
async fn when_owner_and_postmaster_are_killed_the_next_start_recovers() {
    let scratch = Scratch::new("both-killed");
    let (mut owner, left) = start_owner(&scratch.0).await;
    owner.kill().await.unwrap();
    signal(left, Signal::SIGKILL);
    let postgres = Postgres::start(scratch.options()).await.unwrap();
    assert_ne!(postgres.pid(), left);
    assert_eq!(ask(&postgres.url(), "SELECT 'back'").await, "back");
    postgres.stop().await;
}

#[tokio::test]
async fn a_pid_file_that_names_another_process_is_stale() {
    let scratch = Scratch::new("reused-pid");
    Postgres::start(scratch.options()).await.unwrap().stop().await;
    let pid_file = scratch.0.join("postgres/data/postmaster.pid");
    fs::write(&pid_file, format!("{}\n", std::process::id())).unwrap();
    let postgres = Postgres::start(scratch.options()).await.unwrap();
    assert_eq!(ask(&postgres.url(), "SELECT 'started'").await, "started");
    postgres.stop().await;
}

#[tokio::test]
async fn a_cluster_that_was_never_finished_is_begun_anew() {
    let scratch = Scratch::new("unfinished");
    let unfinished = scratch.0.join("postgres/initializing-1");
    fs::create_dir_all(&unfinished).unwrap();
    fs::write(unfinished.join("PG_VERSION"), "15\n").unwrap();
    let postgres = Postgres::start(scratch.options()).await.unwrap();
    assert!(!unfinished.exists());
    postgres.stop().await;
}
