//! Where it lies, who runs it, and with which programs.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
};

use local::postgres::{Options, Postgres, PostgresError};
use nix::unistd::Uid;
use tokio::process::Command;

use crate::support::{Scratch, ask};

#[tokio::test]
async fn a_cluster_of_another_major_version_names_what_to_install() {
    let scratch = Scratch::new("major");
    Postgres::start(scratch.options()).await.unwrap().stop().await;
    let version_file = scratch.0.join("postgres/data/PG_VERSION");
    fs::write(&version_file, "9\n").unwrap();
    let error = Postgres::start(scratch.options()).await.unwrap_err();
    assert!(
        matches!(error, PostgresError::WrongVersion { needed: 9, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("install PostgreSQL 9"), "{error}");
}

#[tokio::test]
async fn nobody_else_gets_at_the_socket_and_the_data() {
    let scratch = Scratch::new("closed");
    let postgres = Postgres::start(scratch.options()).await.unwrap();
    for folder in ["postgres/data", "postgres/socket"] {
        assert_eq!(
            fs::metadata(scratch.0.join(folder)).unwrap().mode() & 0o777,
            0o700,
            "{folder}"
        );
    }
    assert_eq!(fs::metadata(postgres.log_file()).unwrap().mode() & 0o777, 0o600);
    postgres.stop().await;
}

#[tokio::test]
async fn a_long_path_gets_a_socket_elsewhere() {
    let scratch = Scratch::new("long");
    let folder = scratch.0.join("x".repeat(120));
    let postgres = Postgres::start(Options::new(&folder).non_durable()).await.unwrap();
    assert_eq!(ask(&postgres.url(), "SELECT 'short'").await, "short");
    let sockets = PathBuf::from(
        ask(&postgres.url(), "SHOW unix_socket_directories")
            .await
            .trim_matches('"'),
    );
    assert_eq!(fs::metadata(&sockets).unwrap().mode() & 0o777, 0o700);
    postgres.stop().await;
    fs::remove_dir_all(sockets).unwrap();
}

#[tokio::test]
async fn a_path_with_quotes_commas_and_spaces_works() {
    let scratch = Scratch::new("odd");
    let folder = scratch.0.join("a \"b\", c'd%ä");
    let postgres = Postgres::start(Options::new(&folder).non_durable()).await.unwrap();
    assert_eq!(ask(&postgres.url(), "SELECT 'fine'").await, "fine");
    postgres.stop().await;
}

#[tokio::test]
async fn as_root_another_user_runs_the_server() {
    if !Uid::effective().is_root() {
        return;
    }
    let scratch = Scratch::new("root");
    let postgres = Postgres::start(scratch.options()).await.unwrap();
    assert_ne!(fs::metadata(format!("/proc/{}", postgres.pid())).unwrap().uid(), 0);
    assert_ne!(fs::metadata(postgres.log_file()).unwrap().uid(), 0);
    postgres.stop().await;
}

#[tokio::test]
async fn as_root_a_folder_out_of_the_users_reach_gets_a_cluster_elsewhere() {
    if !Uid::effective().is_root() {
        return;
    }
    let scratch = Scratch::new("unreachable");
    fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o700)).unwrap();
    let folder = scratch.0.join("clone/.confab");
    let postgres = Postgres::start(Options::new(&folder).non_durable()).await.unwrap();
    assert_eq!(ask(&postgres.url(), "SELECT 'reached'").await, "reached");
    let home = PathBuf::from(fs::read_to_string(folder.join("cluster")).unwrap().trim());
    assert!(
        home.starts_with("/var/lib/confab") && home.join("data").is_dir(),
        "{}",
        home.display()
    );
    postgres.stop().await;

    fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o755)).unwrap();
    let postgres = Postgres::start(Options::new(&folder).non_durable()).await.unwrap();
    assert!(postgres.log_file().starts_with(&home), "a cluster stays where it is");
    postgres.stop().await;
    fs::remove_dir_all(home).unwrap();
}

/// Runs an ignored test with a changed environment, which this process can't change for itself.
#[tokio::test]
async fn a_bin_dir_without_postgres_is_named() {
    let scratch = Scratch::new("bin-dir");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "takeover::own_a_server_until_killed",
        "--ignored",
        "--nocapture",
    ]);
    command
        .env("CONFAB_TEST_FOLDER", &scratch.0)
        .env("PG_BIN_DIR", "/no/such/postgres");
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    assert!(
        said.contains("PgBinDir") && said.contains("/no/such/postgres"),
        "{said}"
    );
}
