//! The product as a process, and the folder that it runs in.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// A folder that is gone after the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        // The id of a process doesn't do: it is given out again, and what a killed test has left may still be there.
        Self(std::env::temp_dir().join(format!("confab_process_{name}_{:x}", rand::random::<u32>())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The product's binary with nothing set but its folder.
pub(crate) fn local(folder: &Folder) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("CONFAB_DIR", &folder.0)
        .env("PORT", "0")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

pub(crate) async fn run(mut command: Command) -> Output {
    timeout(DEADLINE, command.output())
        .await
        .expect("an end in time")
        .unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The product, running.
pub(crate) struct Product {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Product {
    /// Starts it and waits for its banner.
    pub(crate) async fn start(folder: &Folder) -> Self {
        let mut command = local(folder);
        command.stderr(Stdio::null());
        Self::spawn(command).await
    }

    /// Starts it as this command has it, and waits for its banner.
    pub(crate) async fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = timeout(DEADLINE, async {
            loop {
                let line = lines.next_line().await.unwrap().expect("a banner");
                if let Some((_, address)) = line.split_once("REST       http://") {
                    return address.to_owned();
                }
            }
        });
        let address = address.await.expect("a start in time");
        Self { child, address }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.id().expect("a process that runs");
        kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
    }

    pub(crate) async fn end(&mut self) -> ExitStatus {
        timeout(DEADLINE, self.child.wait())
            .await
            .expect("an end in time")
            .unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = http_client()
            .post(format!("http://{}{path}", self.address))
            .json(body)
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        let text = answer.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    pub(crate) async fn register(&self, name: &str) {
        let account = json!({"username": name, "email": format!("{name}@example.com"), "password": "correct horse"});
        self.post("/auth/register", &account).await;
    }

    pub(crate) async fn connect(&self, name: &str) -> WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>> {
        let credentials = json!({"email": format!("{name}@example.com"), "password": "correct horse"});
        let token = self.post("/auth/login", &credentials).await["token"]
            .as_str()
            .unwrap()
            .to_owned();
        connect_async(format!("ws://{}/ws?token={token}", self.address))
            .await
            .unwrap()
            .0
    }
}

pub(crate) fn http_client() -> reqwest::Client {
    // Linked with TLS for the download of Postgres, the client wants a provider though no test uses TLS; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// Whether a Postgres of this folder runs.
pub(crate) fn postgres_runs(folder: &Folder) -> bool {
    folder.0.join("postgres/data/postmaster.pid").exists()
}
