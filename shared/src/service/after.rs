use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where work goes that nobody waits for: what follows a push, for example.
#[derive(Debug, Clone)]
pub enum Afterwards {
    /// Into a task of this process, which outlives the request.
    Spawned(Tasks),
    /// Right here, before the handler returns: a Lambda environment is frozen once it has answered.
    Inline,
}

/// The tasks of a process, until it stops.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stopping: CancellationToken,
}

impl Tasks {
    /// Runs `work` as a task of its own.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.tracker.spawn(work));
    }
}

impl Afterwards {
    /// Runs `work`, or sees to it that it runs.
    pub async fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        match self {
            Self::Spawned(tasks) => tasks.spawn(work),
            Self::Inline => work.await,
        }
    }

    /// Waits before something is tried again; false where there is no again: the process stops, or is frozen soon.
    pub(super) async fn pause(&self, duration: Duration) -> bool {
        match self {
            Self::Spawned(tasks) => tokio::time::timeout(duration, tasks.stopping.cancelled())
                .await
                .is_err(),
            Self::Inline => false,
        }
    }

    /// Waits for all work that was spawned; none may follow.
    pub async fn finish(&self) {
        if let Self::Spawned(tasks) = self {
            tasks.stopping.cancel();
            tasks.tracker.close();
            tasks.tracker.wait().await;
        }
    }
}
