//! The cluster that the tests share.

use std::{fs, path::Path, time::Duration};

use futures_util::future::join_all;
use local::postgres::{PostgresError, SharedPostgres};
use nix::sys::signal::Signal;
use tokio::{process::Child, time::sleep};
use tokio_postgres::NoTls;

use crate::support::{Scratch, answers, ask, eventually, kill_and_wait, run_alone, signal};

async fn acquire(folder: &Path) -> SharedPostgres {
    SharedPostgres::acquire(Path::new(env!("CARGO_BIN_EXE_local")), folder)
        .await
        .unwrap()
}

fn keeper_pid(folder: &Path) -> i32 {
    fs::read_to_string(folder.join("postgres/lock"))
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

fn postmaster_pid(folder: &Path) -> i32 {
    let text = fs::read_to_string(folder.join("postgres/data/postmaster.pid")).unwrap();
    text.lines().next().unwrap().parse().unwrap()
}

async fn end_keeper(folder: &Path, url: &str) {
    signal(keeper_pid(folder), Signal::SIGTERM);
    eventually("the keeper ends", Duration::from_secs(30), async || !answers(url).await).await;
    // The keeper itself ends a moment after its server.
    sleep(Duration::from_millis(300)).await;
}

#[tokio::test]
async fn many_at_once_share_one_cluster() {
    let scratch = Scratch::new("shared");
    let shares = join_all((0..10).map(|_| acquire(&scratch.0))).await;
    let keeper = keeper_pid(&scratch.0);
    for share in &shares {
        assert_eq!(ask(&share.url(), "SHOW fsync").await, "off");
    }
    assert_eq!(keeper_pid(&scratch.0), keeper);
    end_keeper(&scratch.0, &shares[0].url()).await;
}

#[tokio::test]
async fn a_database_is_cloned_from_a_template_that_is_in_use_for_a_moment() {
    let scratch = Scratch::new("template");
    let share = acquire(&scratch.0).await;
    share.create_database("original", None).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&share.database_url("original"), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
        .batch_execute("CREATE TABLE copied AS SELECT 'copy'::text AS what")
        .await
        .unwrap();
    tokio::spawn(async move {
        sleep(Duration::from_millis(500)).await;
        drop(client);
    });
    let names: Vec<String> = (0..5).map(|number| format!("copy \"{number}\"")).collect();
    let made = join_all(names.iter().map(|name| share.create_database(name, Some("original")))).await;
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    assert_eq!(
        ask(&share.database_url(&names[4]), "SELECT what FROM copied").await,
        "copy"
    );
    share.drop_database(&names[4]).await.unwrap();
    assert!(!answers(&share.database_url(&names[4])).await);
    end_keeper(&scratch.0, &share.url()).await;
}

#[tokio::test]
async fn a_killed_keeper_is_replaced_and_its_server_taken_over() {
    let scratch = Scratch::new("killed-keeper");
    let first = acquire(&scratch.0).await;
    let (keeper, postmaster) = (keeper_pid(&scratch.0), postmaster_pid(&scratch.0));
    kill_and_wait(keeper).await;
    let second = acquire(&scratch.0).await;
    assert_ne!(keeper_pid(&scratch.0), keeper);
    assert_eq!(postmaster_pid(&scratch.0), postmaster);
    assert_eq!(ask(&first.url(), "SELECT 'still'").await, "still");
    end_keeper(&scratch.0, &second.url()).await;
}

#[tokio::test]
async fn a_killed_server_of_the_keeper_is_replaced() {
    let scratch = Scratch::new("killed-shared");
    let first = acquire(&scratch.0).await;
    signal(postmaster_pid(&scratch.0), Signal::SIGKILL);
    let second = acquire(&scratch.0).await;
    eventually("it answers", Duration::from_secs(30), async || {
        answers(&second.url()).await
    })
    .await;
    end_keeper(&scratch.0, &first.url()).await;
}

#[tokio::test]
async fn whoever_comes_while_the_keeper_ends_gets_a_new_one() {
    let scratch = Scratch::new("ending-keeper");
    let first = acquire(&scratch.0).await;
    let (keeper, url) = (keeper_pid(&scratch.0), first.url());
    drop(first);
    signal(keeper, Signal::SIGTERM);
    let limit = Duration::from_secs(30);
    eventually("its server ends", limit, async || !answers(&url).await).await;
    let share = acquire(&scratch.0).await;
    eventually("another answers", limit, async || answers(&share.url()).await).await;
    assert_eq!(ask(&share.url(), "SELECT 'here'").await, "here");
    end_keeper(&scratch.0, &share.url()).await;
}

#[tokio::test]
async fn an_unused_keeper_ends_by_itself_and_takes_leftover_databases_with_it() {
    let scratch = Scratch::new("unused");
    let share = acquire(&scratch.0).await;
    share.create_database("leftover", None).await.unwrap();
    let url = share.url();
    drop(share);
    eventually("the keeper ends", Duration::from_mins(1), async || !answers(&url).await).await;
    let share = acquire(&scratch.0).await;
    assert!(!answers(&share.database_url("leftover")).await);
    end_keeper(&scratch.0, &url).await;
}

#[tokio::test]
async fn who_comes_while_leftovers_are_removed_does_not_wait_for_all_of_them() {
    let scratch = Scratch::new("leftovers");
    let share = acquire(&scratch.0).await;
    for number in 0..30 {
        share
            .create_database(&format!("leftover {number}"), None)
            .await
            .unwrap();
    }
    let (keeper, url) = (keeper_pid(&scratch.0), share.url());
    drop(share);
    let leftovers = async || {
        ask(
            &url,
            "SELECT count(*)::text FROM pg_database WHERE datname LIKE 'leftover%'",
        )
        .await
    };
    eventually("one is removed", Duration::from_mins(1), async || {
        leftovers().await != "30"
    })
    .await;
    let share = acquire(&scratch.0).await;
    assert_ne!(leftovers().await, "0");
    assert_eq!(keeper_pid(&scratch.0), keeper);
    end_keeper(&scratch.0, &share.url()).await;
}

#[tokio::test]
async fn an_unusable_shared_cluster_is_made_anew() {
    let scratch = Scratch::new("unusable");
    let share = acquire(&scratch.0).await;
    end_keeper(&scratch.0, &share.url()).await;
    fs::write(scratch.0.join("postgres/data/PG_VERSION"), "9\n").unwrap();
    let share = acquire(&scratch.0).await;
    end_keeper(&scratch.0, &share.url()).await;
    fs::remove_dir_all(scratch.0.join("postgres/data/global")).unwrap();
    let share = acquire(&scratch.0).await;
    assert_eq!(ask(&share.url(), "SELECT 'new'").await, "new");
    end_keeper(&scratch.0, &share.url()).await;
}

/// Not a test: one of the processes of `ten_processes_at_once_share_one_cluster`.
#[tokio::test]
#[ignore = "run by another test as a process of its own"]
async fn use_a_share_for_a_moment() {
    let Some(folder) = std::env::var_os("CONFAB_TEST_FOLDER") else {
        return;
    };
    let share = acquire(Path::new(&folder)).await;
    assert_eq!(ask(&share.url(), "SELECT 'shared'").await, "shared");
}

#[tokio::test]
async fn ten_processes_at_once_share_one_cluster() {
    let scratch = Scratch::new("ten");
    let processes: Vec<Child> = (0..10)
        .map(|_| run_alone("sharing::use_a_share_for_a_moment", &scratch.0))
        .collect();
    for mut process in processes {
        assert!(process.wait().await.unwrap().success());
    }
    let share = acquire(&scratch.0).await;
    let log = fs::read_to_string(share.log_file()).unwrap();
    assert_eq!(log.matches("starting PostgreSQL").count(), 1, "{log}");
    end_keeper(&scratch.0, &share.url()).await;
}

#[tokio::test]
async fn a_keeper_that_fails_says_why() {
    let scratch = Scratch::new("failing-keeper");
    let error = SharedPostgres::acquire(Path::new("/bin/false"), &scratch.0)
        .await
        .unwrap_err();
    assert!(matches!(error, PostgresError::KeeperFailed { .. }), "{error}");
}
