//! The process of an environment.

use std::io;
use std::process::Stdio;
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::Settings;
use crate::function::Processes;

/// A child process that can be frozen. Dropping it kills it.
///
/// Should the emulator itself be killed, the process ends too: one that runs finds the Runtime API gone, and one that is frozen is hung
/// up by the system, as it is in a process group of its own, which is orphaned then. The moment in which it stops is neither.
/// <https://pubs.opengroup.org/onlinepubs/9799919799/functions/_exit.html>
pub(super) struct Process {
    child: Child,
    id: u32,
    processes: Arc<Processes>,
}

impl Process {
    /// Starts a function's program in an environment that has nothing of ours.
    pub(super) fn start(settings: &Settings, runtime_api: &str, processes: &Arc<Processes>) -> io::Result<Self> {
        let mut child = Command::new(&settings.program)
            .env_clear()
            .envs(lambdas_variables(&settings.name, runtime_api))
            .envs(settings.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let id = child
            .id()
            .ok_or_else(|| io::Error::other("the process ended at once"))?;
        processes.set_at_work(id, true);
        log(&settings.name, child.stdout.take());
        log(&settings.name, child.stderr.take());
        Ok(Self {
            child,
            id,
            processes: Arc::clone(processes),
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn freeze(&self) {
        self.processes.set_at_work(self.id, false);
        self.signal(Signal::SIGSTOP);
    }

    pub(super) fn resume(&self) {
        self.processes.set_at_work(self.id, true);
        self.signal(Signal::SIGCONT);
    }

    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for the end, and says how it came.
    pub(super) async fn wait(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }

    fn signal(&self, signal: Signal) {
        // Without an id the process has ended and was waited for: the number may be another's by now.
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(Err(error)) = id.map(|id| kill(Pid::from_raw(id), signal)) {
            tracing::warn!(process = self.id, %signal, %error, "an environment did not get a signal");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.processes.remove(self.id);
    }
}

/// What Lambda sets for every function, as far as the runtime or an SDK reads it. The credentials open nothing, but with them an SDK
/// looks for no others.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
fn lambdas_variables(name: &str, runtime_api: &str) -> [(&'static str, String); 10] {
    [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "emulated".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "emulated".to_owned()),
        ("AWS_SESSION_TOKEN", "emulated".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ]
}

/// Hands on what a process writes, line by line.
fn log(function: &str, output: Option<impl AsyncRead + Send + Unpin + 'static>) {
    let Some(output) = output else { return };
    let function = function.to_owned();
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            tracing::info!(function, "{line}");
        }
    });
}
