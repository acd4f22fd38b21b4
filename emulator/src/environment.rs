//! An execution environment: a process and what it asks of Lambda.

mod api;
mod process;
mod state;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::Settings;
use crate::function::Processes;
use process::Process;
use state::{Invocation, State};

/// How long Lambda lets an environment take from its start to its first question for an invocation.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>
pub const INIT_TIME_LIMIT: Duration = Duration::from_secs(10);

/// What an invocation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What the function returned, or a JSON object with `errorType` and `errorMessage`.
    pub payload: Bytes,
    /// Whether it failed.
    pub is_error: bool,
}

impl Answer {
    /// A failure that the function did not report itself.
    pub(crate) fn error(kind: &str, message: &str) -> Self {
        let error = json!({"errorType": kind, "errorMessage": message});
        Self {
            payload: error.to_string().into(),
            is_error: true,
        }
    }
}

/// An execution environment of a function. Dropping it kills its process.
pub struct Environment {
    process: Process,
    state: Arc<watch::Sender<State>>,
    /// How long each invocation may take.
    time_limit: Duration,
    /// How long what is under way may take, and when that is over.
    phase: (Duration, Instant),
    /// The Runtime and Extensions APIs as this environment sees them: an address of its own says who asks.
    _api: AbortOnDropHandle<()>,
}

/// Why an environment does not go on.
enum Ended {
    Exited(String),
    TimedOut,
}

impl Environment {
    /// Starts the process of a function that belongs to no emulator.
    ///
    /// # Errors
    /// Where the program can't be run.
    pub async fn launch(settings: &Settings) -> io::Result<Self> {
        Self::start(settings, &Arc::default()).await
    }

    pub(crate) async fn start(settings: &Settings, processes: &Arc<Processes>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let state = Arc::new(watch::Sender::default());
        let router = api::router(settings.name.clone(), Arc::clone(&state));
        let serve = async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "an environment's Runtime API ended");
            }
        };
        Ok(Self {
            _api: AbortOnDropHandle::new(tokio::spawn(serve)),
            process: Process::start(settings, &address, processes)?,
            state,
            time_limit: settings.time_limit,
            phase: phase(settings.init_time_limit),
        })
    }

    /// The id of the environment's process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until the function has started: its runtime asks for the first invocation, and its extensions for their first event.
    /// Returns whether it came to that.
    pub async fn is_ready(&mut self) -> bool {
        self.until(State::is_idle).await.is_ok()
    }

    /// Hands an invocation to the function, once it has started, and returns its answer.
    pub async fn invoke(&mut self, payload: Bytes) -> Answer {
        let request_id = Uuid::new_v4().to_string();
        let answer = self.run(&request_id, payload).await;
        answer.unwrap_or_else(|ended| match ended {
            Ended::Exited(status) => {
                let message = format!("RequestId: {request_id} Error: Runtime exited with error: {status}");
                Answer::error("Runtime.ExitError", &message)
            }
            Ended::TimedOut => {
                let limit = self.phase.0.as_secs_f32();
                let message = format!("RequestId: {request_id} Error: Task timed out after {limit:.2} seconds");
                Answer::error("Sandbox.Timedout", &message)
            }
        })
    }

    async fn run(&mut self, request_id: &str, payload: Bytes) -> Result<Answer, Ended> {
        self.process.resume();
        self.until(State::is_idle).await?;
        self.phase = phase(self.time_limit);
        let invocation = Invocation::new(request_id, payload, self.time_limit);
        self.state.send_modify(|state| state.begin(&invocation));
        self.until(State::is_answered).await?;
        let mut answer = None;
        self.state.send_modify(|state| answer = state.take_answer());
        answer.ok_or(Ended::TimedOut)
    }

    /// Waits until the runtime and the extensions have done what they do after the answer, and freezes the process. Returns whether it
    /// can be used again; where it can't, it is killed when this is dropped.
    pub async fn settle(&mut self) -> bool {
        let is_idle = self.until(State::is_idle).await.is_ok();
        if is_idle {
            self.process.freeze();
        }
        is_idle
    }

    /// Whether the process is still there.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.process.is_alive()
    }

    /// Waits for a state, the end of the process, or the end of its time.
    async fn until(&mut self, is_reached: impl FnMut(&State) -> bool) -> Result<(), Ended> {
        let mut changes = self.state.subscribe();
        let reached = timeout_at(self.phase.1, changes.wait_for(is_reached));
        tokio::select! {
            biased;
            reached = reached => reached.map(drop).map_err(|_| Ended::TimedOut),
            status = self.process.wait() => Err(Ended::Exited(status)),
        }
    }
}

fn phase(limit: Duration) -> (Duration, Instant) {
    (limit, Instant::now() + limit)
}
