use std::future::Future;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where work goes that nobody waits for: what follows a push, for example.
#[derive(Clone)]
pub enum Afterwards {
    /// Into a task of this process, which outlives the request.
    Spawned(Tasks),
    /// Right here, before the handler returns: a Lambda environment is frozen once it has answered.
    Inline,
    /// Aside, until the function has answered: what would fail before, in an environment that is kept awake for it.
    Deferred(Deferred),
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

/// Work that was put aside.
#[derive(Clone, Default)]
pub struct Deferred(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl Deferred {
    fn put(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(work.boxed());
    }

    fn take(&self) -> Vec<BoxFuture<'static, ()>> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs all of it side by side, and then what it put aside in turn, until nothing is left.
    pub async fn run(&self) {
        loop {
            let work = self.take();
            if work.is_empty() {
                return;
            }
            join_all(work).await;
        }
    }
}

impl Afterwards {
    /// Runs `work`, or sees to it that it runs.
    pub async fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        match self {
            Self::Spawned(tasks) => tasks.spawn(work),
            Self::Inline => work.await,
            Self::Deferred(deferred) => deferred.put(work),
        }
    }

    /// Waits before something is tried again; false where there is no again: the process stops, or is frozen soon.
    pub(super) async fn pause(&self, duration: Duration) -> bool {
        match self {
            Self::Spawned(tasks) => tokio::time::timeout(duration, tasks.stopping.cancelled())
                .await
                .is_err(),
            Self::Inline => false,
            // Whoever runs the work ends it when its time is up.
            Self::Deferred(_) => {
                tokio::time::sleep(duration).await;
                true
            }
        }
    }

    /// Waits for all work that was spawned or put aside; none may follow.
    pub async fn finish(&self) {
        match self {
            Self::Spawned(tasks) => {
                tasks.stopping.cancel();
                tasks.tracker.close();
                tasks.tracker.wait().await;
            }
            Self::Inline => {}
            Self::Deferred(deferred) => deferred.run().await,
        }
    }
}
