//! The server's first process: started by us, or left by a predecessor.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::Child,
    time::{sleep, timeout},
};

use super::{error::PostgresError, process::is_postmaster};

/// How often to look after a process that isn't our child.
const POLL: Duration = Duration::from_millis(250);

/// The ways to end a server and how long each may take: fast (clients are sent away), immediate (the next start
/// recovers what was committed), and the kernel's way.
const STOPS: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(15)),
    (Signal::SIGQUIT, Duration::from_secs(5)),
    (Signal::SIGKILL, Duration::from_secs(5)),
];

/// A running postmaster. Dropped without [`stop`](Self::stop), it is asked to shut down.
#[derive(Debug)]
pub(super) struct Postmaster {
    pid: i32,
    data: PathBuf,
    child: Option<Child>,
    ended: bool,
}

impl Postmaster {
    /// The one that the cluster's pid file names, if it runs.
    pub(super) fn running(data: &Path) -> Option<Self> {
        let pid = read_pid(&pid_file(data))?;
        is_postmaster(pid, data).then(|| Self {
            pid,
            data: data.to_owned(),
            child: None,
            ended: false,
        })
    }

    /// One that we started.
    pub(super) fn started(child: Child, data: PathBuf) -> io::Result<Self> {
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.ok_or_else(|| io::Error::other("it ended at once"))?;
        Ok(Self {
            pid,
            data,
            child: Some(child),
            ended: false,
        })
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether it is our child and not one taken over.
    pub(super) fn is_ours(&self) -> bool {
        self.child.is_some()
    }

    /// Returns once it has ended.
    pub(super) async fn ended(&mut self) {
        match &mut self.child {
            Some(child) => {
                if let Err(error) = child.wait().await {
                    tracing::warn!(%error, "could not wait for Postgres");
                }
            }
            None => {
                while is_postmaster(self.pid, &self.data) {
                    sleep(POLL).await;
                }
            }
        }
        self.ended = true;
    }

    /// Ends it, in order if it can be done in time.
    pub(super) async fn stop(mut self) {
        for (signal, patience) in STOPS {
            self.signal(signal);
            if timeout(patience, self.ended()).await.is_ok() {
                return;
            }
            tracing::warn!(pid = self.pid, %signal, "Postgres did not stop in time");
        }
    }

    fn signal(&self, signal: Signal) {
        if let Err(error) = kill(Pid::from_raw(self.pid), signal) {
            tracing::debug!(%error, pid = self.pid, %signal, "could not signal Postgres");
        }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        let runs = !self.ended && (self.is_ours() || is_postmaster(self.pid, &self.data));
        if runs {
            self.signal(Signal::SIGINT);
        }
    }
}

/// Removes the cluster's or the socket's pid file if its process is another one by now, or dead and not waited for:
/// Postgres would take that for a server and refuse to start. Two servers on one cluster can't come of it, for that is
/// what Postgres' shared memory segment prevents.
pub(super) fn remove_stale_pid_file(file: &Path, data: &Path) -> Result<(), PostgresError> {
    let stale = read_pid(file).is_some_and(|pid| kill(Pid::from_raw(pid), None).is_ok() && !is_postmaster(pid, data));
    if !stale {
        return Ok(());
    }
    tracing::info!(file = %file.display(), "removing the pid file of a server that is gone");
    fs::remove_file(file).map_err(PostgresError::io("remove", file))
}

/// The file in which the cluster's postmaster notes itself.
pub(super) fn pid_file(data: &Path) -> PathBuf {
    data.join("postmaster.pid")
}

/// The first line of a pid file; negative for a server without clients.
fn read_pid(file: &Path) -> Option<i32> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().next()?.trim().parse().ok().filter(|pid| *pid > 0)
}
