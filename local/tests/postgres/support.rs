//! What the tests of the embedded Postgres have in common.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use local::postgres::Options;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    time::sleep,
};
use tokio_postgres::NoTls;

/// A folder that is gone after the test.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        // The id of a process doesn't do: it is given out again, and what a killed test has left may still be there.
        let path = std::env::temp_dir().join(format!("confab-test-{name}-{:x}", rand::random::<u32>()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn options(&self) -> Options {
        Options::new(&self.0).non_durable()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) async fn ask(url: &str, question: &str) -> String {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.query_one(question, &[]).await.unwrap().get(0)
}

pub(crate) async fn answers(url: &str) -> bool {
    tokio_postgres::connect(url, NoTls).await.is_ok()
}

pub(crate) async fn eventually(what: &str, limit: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let begin = Instant::now();
    while !holds().await {
        assert!(begin.elapsed() < limit, "not within {limit:?}: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// Kills a process, which is over a moment after the signal only.
pub(crate) async fn kill_and_wait(pid: i32) {
    signal(pid, Signal::SIGKILL);
    let over = || match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.contains(") Z "),
        Err(_) => true,
    };
    eventually("a killed process is over", Duration::from_secs(10), async || over()).await;
}

/// Runs one of the ignored tests above as a process of its own.
pub(crate) fn run_alone(name: &str, folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env("CONFAB_TEST_FOLDER", folder);
    command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}
