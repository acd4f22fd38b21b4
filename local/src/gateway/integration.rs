//! Invocations as the gateway makes them: apart from the client's connection, and for a limited time.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::FunctionError;

/// Runs invocations.
#[derive(Debug, Clone)]
pub(super) struct Integration {
    tasks: TaskTracker,
    timeout: Duration,
}

impl Integration {
    /// Invocations that `tasks` knows of (so that a shutdown can wait for them) and that take `timeout` at most.
    pub(super) fn new(tasks: TaskTracker, timeout: Duration) -> Self {
        Self { tasks, timeout }
    }

    /// The same, but that invocations take `limit` at most, if there is one.
    pub(super) fn within(&self, limit: Option<Duration>) -> Self {
        Self {
            tasks: self.tasks.clone(),
            timeout: limit.map_or(self.timeout, |limit| limit.min(self.timeout)),
        }
    }

    /// Runs `invocation` to its end, whatever becomes of the caller: a client that hangs up must not cancel a function
    /// half-way, and a panic in the function (a task's panic ends the task only) must not end anything else.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        invocation: impl Future<Output = Result<T, FunctionError>> + Send + 'static,
    ) -> Result<T, FunctionError> {
        match self.tasks.spawn(timeout(self.timeout, invocation)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_elapsed)) => Err(FunctionError::TimedOut),
            Err(_panic) => Err(FunctionError::Panicked),
        }
    }
}
