//! The task that keeps the server running until it is told to stop it.

use std::time::Duration;

use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{postmaster::Postmaster, server::Server};

/// How long to wait after a failed start, doubled with each.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Watches one server, and owns it with its cluster's lock.
#[derive(Debug)]
pub(super) struct Supervisor {
    server: Server,
    pid: watch::Sender<i32>,
    stop: CancellationToken,
}

impl Supervisor {
    /// Publishes the present postmaster through `pid`; ends with the server after `stop`.
    pub(super) fn new(server: Server, pid: watch::Sender<i32>, stop: CancellationToken) -> Self {
        Self { server, pid, stop }
    }

    /// Starts the server again whenever it ends, until told to stop.
    pub(super) async fn run(self, mut postmaster: Postmaster) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return postmaster.stop().await,
                () = postmaster.ended() => tracing::warn!(pid = postmaster.pid(), "Postgres ended: starting it again"),
            }
            let Some(next) = self.restart().await else {
                return self.server.stop_what_runs().await;
            };
            tracing::info!(pid = next.pid(), "Postgres answers again");
            self.pid.send_replace(next.pid());
            postmaster = next;
        }
    }

    /// A new postmaster, or none if told to stop or if the cluster isn't ours any more.
    async fn restart(&self) -> Option<Postmaster> {
        let mut pause = FIRST_PAUSE;
        while !self.stop.is_cancelled() {
            if !self.server.is_ours() {
                tracing::error!("the database's folder was removed: Postgres stays down");
                return None;
            }
            tokio::select! {
                () = self.stop.cancelled() => return None,
                brought_up = self.server.bring_up() => match brought_up {
                    Ok(postmaster) => return Some(postmaster),
                    Err(error) => tracing::error!(%error, "Postgres could not be started again"),
                },
            }
            let _ = timeout(pause, self.stop.cancelled()).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        None
    }
}
