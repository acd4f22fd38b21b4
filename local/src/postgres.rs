//! The embedded Postgres: a private cluster that comes and goes with this process.
//!
//! [`Postgres::start`] finds an installation (`binaries`, or `download`), decides where the cluster lies and who
//! runs it (`location`, `identity`), makes it where it is missing (`cluster`), and brings the server up
//! (`server`): a postmaster that a killed predecessor left running is taken over. A task (`supervisor`) starts it
//! again when it dies.
//!
//! Tests share one cluster that stops by itself: [`SharedPostgres`] and its [`keep`]er.

mod binaries;
mod cluster;
mod connection;
mod download;
mod error;
mod identity;
mod keeper;
mod location;
mod lock;
mod log;
mod options;
mod postmaster;
mod process;
mod server;
mod shared;
mod socket;
mod supervisor;

use std::path::{Path, PathBuf};

use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use self::{binaries::Installation, location::Location, lock::FolderLock, server::Server, supervisor::Supervisor};
pub use self::{error::PostgresError, keeper::keep, options::Options, shared::SharedPostgres};

/// A running server with a cluster of its own.
///
/// [`stop`](Self::stop) it for an orderly end. Dropped without that, the server is asked to shut down and not waited
/// for.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    log_file: PathBuf,
    pid: watch::Receiver<i32>,
    stop: CancellationToken,
    supervisor: AbortOnDropHandle<()>,
}

impl Postgres {
    /// Brings up the cluster in the options' folder, makes it first where there is none, and waits until it answers.
    ///
    /// # Errors
    /// Whatever stands in the way, told to the person who can remove it: [`PostgresError`].
    pub async fn start(options: Options) -> Result<Self, PostgresError> {
        let location = Location::resolve(&options.folder).await?;
        let lock = FolderLock::acquire(&location).await?;
        let installation = Installation::obtain(&location).await?;
        cluster::ensure(&location, &installation, &options).await?;
        let server = Server::new(location, lock, &installation, &options);
        let postmaster = server.bring_up().await?;

        let (url, log_file) = (server.url(), server.log_file());
        let (pid_sender, pid) = watch::channel(postmaster.pid());
        let stop = CancellationToken::new();
        let supervisor = Supervisor::new(server, pid_sender, stop.clone());
        let supervisor = AbortOnDropHandle::new(tokio::spawn(supervisor.run(postmaster)));
        Ok(Self {
            url,
            log_file,
            pid,
            stop,
            supervisor,
        })
    }

    /// The connection URL, for `tokio_postgres` and for another process's `DATABASE_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The file that the server logs to. It belongs to the user that the server runs as.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.log_file
    }

    /// The process id of the present postmaster.
    #[must_use]
    pub fn pid(&self) -> i32 {
        *self.pid.borrow()
    }

    /// Returns when the postmaster with the process id `pid` has a successor: it died, and the supervisor started another.
    pub async fn wait_for_successor(&self, pid: i32) {
        // It can only fail once the supervisor has ended, and then no successor comes.
        let _ = self.pid.clone().wait_for(|present| *present != pid).await;
    }

    /// Shuts the server down in order and returns when it has ended.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.supervisor.await {
            tracing::error!(%error, "the task that supervises Postgres failed");
        }
    }
}
