//! `cargo lambda watch`: the functions in processes of their own, built anew when their sources change.

mod error;

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

pub use error::CargoLambdaError;

const PROGRAM: &str = "cargo-lambda";

/// How long it may take until it listens.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// How often it is tried whether it listens.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long it may take to end, with all functions. Then it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What is to be run, and how.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The folder of the workspace's `Cargo.toml`.
    pub workspace: PathBuf,
    /// The functions' names, which are those of their binaries.
    pub functions: Vec<String>,
    /// How many instances of a function may run at once.
    pub concurrency: NonZero<u16>,
    /// Whether functions are built for speed.
    pub release: bool,
}

impl Watched {
    /// Builds all functions, as each would else be built when it is first called, while a client waits.
    ///
    /// # Errors
    /// [`CargoLambdaError`] where there is no `cargo-lambda`, or a function can't be built.
    pub async fn build(&self) -> Result<(), CargoLambdaError> {
        find().await?;
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        // With the features that the workspace's metadata tells cargo-lambda, so that nothing is built twice.
        command.args(["build", "--features", "lambda"]);
        command.args(self.functions.iter().flat_map(|name| ["--bin", name]));
        self.run_in_workspace(&mut command);
        let status = command.status().await.map_err(CargoLambdaError::Cargo)?;
        if status.success() {
            Ok(())
        } else {
            Err(CargoLambdaError::Build(status))
        }
    }

    /// Starts it, listening where `port` does until then, and waits until it does.
    ///
    /// # Errors
    /// [`CargoLambdaError`] where it does not come up.
    pub async fn start(&self, port: TcpListener, env_file: &Path) -> Result<CargoLambda, CargoLambdaError> {
        let address = port.local_addr().map_err(CargoLambdaError::Unusable)?;
        let mut command = Command::new(PROGRAM);
        command
            .args(["lambda", "watch"])
            .args(["--invoke-address", &address.ip().to_string()])
            .args(["--invoke-port", &address.port().to_string()])
            .args(["--concurrency", &self.concurrency.to_string()])
            // Otherwise any page in a browser here may invoke functions.
            .arg("--disable-cors")
            .arg("--env-file")
            .arg(env_file)
            // A terminal's Ctrl-C is not for it: the last events of open sockets still need their functions.
            .process_group(0);
        self.run_in_workspace(&mut command);
        drop(port);
        let mut cargo_lambda = CargoLambda {
            child: command.spawn().map_err(CargoLambdaError::from_spawn)?,
        };
        let ended = tokio::select! {
            () = listening(address) => return Ok(cargo_lambda),
            status = cargo_lambda.ended() => CargoLambdaError::Ended(status),
            () = sleep(START_TIMEOUT) => CargoLambdaError::Silent(START_TIMEOUT),
        };
        cargo_lambda.stop().await;
        Err(ended)
    }

    fn run_in_workspace(&self, command: &mut Command) {
        command
            .args(self.release.then_some("--release"))
            .current_dir(&self.workspace)
            .stdin(Stdio::null())
            .kill_on_drop(true);
    }
}

/// A port on the loopback interface that nobody else gets until [`Watched::start`] hands it over.
///
/// # Errors
/// Where there is none.
pub fn hold_port() -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

async fn find() -> Result<(), CargoLambdaError> {
    let mut version = Command::new(PROGRAM);
    version.args(["lambda", "--version"]).stdout(Stdio::null());
    let status = version.status().await.map_err(CargoLambdaError::from_spawn)?;
    if status.success() {
        Ok(())
    } else {
        Err(CargoLambdaError::Ended(status))
    }
}

async fn listening(address: SocketAddr) {
    while TcpStream::connect(address).await.is_err() {
        sleep(POLL_INTERVAL).await;
    }
}

/// A `cargo lambda watch` that runs.
#[derive(Debug)]
pub struct CargoLambda {
    child: Child,
}

impl CargoLambda {
    /// Waits until it ends, which it does not do by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        match self.child.wait().await {
            Ok(status) => status,
            Err(error) => {
                tracing::warn!(%error, "cargo lambda watch can't be waited for");
                std::future::pending().await
            }
        }
    }

    /// Ends it and its functions, which it sees to itself: each is in a session of its own.
    pub async fn stop(mut self) {
        let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) else {
            return;
        };
        if let Err(error) = kill(Pid::from_raw(pid), Signal::SIGTERM) {
            tracing::warn!(%error, "cargo lambda watch can't be asked to end");
        }
        if timeout(STOP_TIMEOUT, self.ended()).await.is_err() {
            tracing::warn!("cargo lambda watch does not end, and is killed; functions may run on");
            // It may have ended this moment.
            let _ = self.child.kill().await;
        }
    }
}
