//! A function and its environments.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{Answer, Environment};

/// What a function is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name.
    pub name: String,
    /// Its executable, which Lambda calls `bootstrap`.
    pub program: PathBuf,
    /// Its environment variables, beside those that Lambda sets.
    pub variables: Vec<(String, String)>,
    /// How long an environment may take to start: [`INIT_TIME_LIMIT`](crate::INIT_TIME_LIMIT) in Lambda.
    pub init_time_limit: Duration,
    /// How long an invocation may take, with what its extensions do after the answer.
    pub time_limit: Duration,
    /// How many invocations may run at once.
    pub concurrency: usize,
}

/// A function with the environments that are there for it.
pub(crate) struct Function {
    settings: Settings,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Environment>>,
    processes: Arc<Processes>,
    /// Ends invocations with the emulator.
    stopping: CancellationToken,
}

/// All environments that the function has are busy, and it may have no more.
#[derive(Debug)]
pub(crate) struct Throttled;

impl Function {
    pub(crate) fn new(settings: Settings, stopping: CancellationToken) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(settings.concurrency)),
            settings,
            idle: Mutex::default(),
            processes: Arc::default(),
            stopping,
        }
    }

    /// Whether no invocation is under way, nor anything that follows one.
    pub(crate) fn is_idle(&self) -> bool {
        self.permits.available_permits() == self.settings.concurrency
    }

    /// The processes of its environments, frozen ones included.
    pub(crate) fn processes(&self) -> &Processes {
        &self.processes
    }

    /// Runs one invocation, to its end whether or not anybody waits for the answer.
    pub(crate) async fn invoke(self: &Arc<Self>, payload: Bytes) -> Result<Answer, Throttled> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| Throttled)?;
        let (answered, answer) = oneshot::channel();
        let function = Arc::clone(self);
        tokio::spawn(async move {
            let invocation = function.run(payload, answered);
            function.stopping.run_until_cancelled(invocation).await;
            drop(permit);
        });
        Ok(answer
            .await
            .unwrap_or_else(|_| Answer::error("Runtime.Stopped", "the emulator stops")))
    }

    async fn run(&self, payload: Bytes, answered: oneshot::Sender<Answer>) {
        let environment = match self.take_idle() {
            Some(environment) => Ok(environment),
            None => Environment::start(&self.settings, &self.processes).await,
        };
        let mut environment = match environment {
            Ok(environment) => environment,
            Err(error) => {
                let _ = answered.send(Answer::error("Runtime.InvalidEntrypoint", &error.to_string()));
                return;
            }
        };
        // Nobody may be waiting for the answer any more.
        let _ = answered.send(environment.invoke(payload).await);
        if environment.settle().await {
            self.idle().push(environment);
        }
    }

    /// Kills the idle environments; the others end with their invocations, which the emulator cancels.
    pub(crate) fn stop(&self) {
        self.idle().clear();
    }

    /// The environment that was used last, unless it ended meanwhile.
    fn take_idle(&self) -> Option<Environment> {
        loop {
            let mut environment = self.idle().pop()?;
            if environment.is_alive() {
                return Some(environment);
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Environment>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The processes of a function's environments, by their ids, and whether each is at work: neither frozen nor about to be.
#[derive(Debug, Default)]
pub(crate) struct Processes(Mutex<BTreeMap<u32, bool>>);

impl Processes {
    pub(crate) fn ids(&self) -> BTreeSet<u32> {
        self.lock().keys().copied().collect()
    }

    /// Those that have an invocation in hand, or what follows its answer.
    pub(crate) fn at_work(&self) -> Vec<u32> {
        let processes = self.lock();
        let at_work = processes.iter().filter(|(_, is_at_work)| **is_at_work);
        at_work.map(|(id, _)| *id).collect()
    }

    pub(crate) fn set_at_work(&self, id: u32, is_at_work: bool) {
        self.lock().insert(id, is_at_work);
    }

    pub(crate) fn remove(&self, id: u32) {
        self.lock().remove(&id);
    }

    /// Kills them all.
    pub(crate) fn kill(&self) {
        self.lock().keys().copied().for_each(send_sigkill);
    }

    /// Kills one of them, if it is still there.
    pub(crate) fn kill_one(&self, id: u32) {
        if self.lock().contains_key(&id) {
            send_sigkill(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn send_sigkill(id: u32) {
    if let Ok(id) = i32::try_from(id) {
        // One that has just ended is as good as killed.
        let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
    }
}
