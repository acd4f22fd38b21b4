//! The product's own process.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::Failure;

/// How long the gateway may take to serve, recovery of Postgres included.
const MAX_START: Duration = Duration::from_mins(1);

/// The product's template.
pub(crate) const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");

/// The key that tokens are signed with.
pub(crate) const JWT_SECRET: &str = "a secret for fault tests only, 32 bytes long or more";

/// A binary of the product, which was built beside this one.
pub(crate) fn product(name: &str) -> Result<PathBuf, Failure> {
    let binary = std::env::current_exe()?.with_file_name(name);
    if binary.is_file() {
        return Ok(binary);
    }
    let binary = binary.display();
    Err(format!("{binary} is missing: build it first, with `cargo build --workspace --all-targets`").into())
}

/// `local`, which can be killed and comes back on the same port.
pub(crate) struct Gateway {
    binary: PathBuf,
    folder: PathBuf,
    database_url: String,
    address: SocketAddr,
    /// The Invoke API, where functions are processes of their own.
    lambda: Option<String>,
    http: reqwest::Client,
    process: Option<Child>,
}

impl Gateway {
    /// A gateway that is not started yet. What it keeps and logs goes to `folder`.
    pub(crate) fn new(folder: &Path, database_url: String, http: reqwest::Client) -> Result<Self, Failure> {
        // Bound for a moment only: this is how a free port is found that stays the same over restarts.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        Ok(Self {
            binary: product("local")?,
            folder: folder.to_owned(),
            database_url,
            address,
            lambda: None,
            http,
            process: None,
        })
    }

    /// Has functions run there.
    pub(crate) fn set_lambda(&mut self, url: &str) {
        self.lambda = Some(url.to_owned());
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it and waits until it serves. A predecessor's lock on the database may outlive it for a moment, in which a start fails.
    pub(crate) async fn start(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + MAX_START;
        while Instant::now() < deadline {
            if self.has_ended()? {
                self.process = Some(self.spawn()?);
            }
            if self.is_healthy().await {
                return Ok(());
            }
            sleep(Duration::from_millis(100)).await;
        }
        let log = self.log_file();
        Err(format!("the gateway does not serve; its log is {}", log.display()).into())
    }

    /// Kills it with SIGKILL.
    pub(crate) async fn kill(&mut self) -> io::Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill().await,
            None => Ok(()),
        }
    }

    fn has_ended(&mut self) -> io::Result<bool> {
        match &mut self.process {
            Some(process) => Ok(process.try_wait()?.is_some()),
            None => Ok(true),
        }
    }

    async fn is_healthy(&self) -> bool {
        let health = format!("http://{}/health", self.address);
        let answer = self.http.get(health).timeout(Duration::from_secs(5)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// What it logs to.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.join("gateway.log")
    }

    fn spawn(&self) -> io::Result<Child> {
        let log = File::options().create(true).append(true).open(self.log_file())?;
        Command::new(&self.binary)
            .args(self.lambda.iter().flat_map(|url| ["--lambda", url]))
            .env("DATABASE_URL", &self.database_url)
            .env("JWT_SECRET", JWT_SECRET)
            .env("CONFAB_TEMPLATE", TEMPLATE)
            .env("PORT", self.address.port().to_string())
            .env("CONFAB_DIR", &self.folder)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
    }
}
