use std::future::Future;

use tokio_util::task::TaskTracker;

/// Where work goes that nobody waits for: what follows a push, for example.
#[derive(Debug, Clone)]
pub enum Afterwards {
    /// Into a task of this process, which outlives the request.
    Spawned(TaskTracker),
    /// Right here, before the handler returns: a Lambda environment is frozen once it has answered.
    Inline,
}

impl Afterwards {
    /// Runs `work`, or sees to it that it runs.
    pub async fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        match self {
            Self::Spawned(tasks) => drop(tasks.spawn(work)),
            Self::Inline => work.await,
        }
    }

    /// Waits for all work that was spawned; none may follow.
    pub async fn finish(&self) {
        if let Self::Spawned(tasks) = self {
            tasks.close();
            tasks.wait().await;
        }
    }
}
