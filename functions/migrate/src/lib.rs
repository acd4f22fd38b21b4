//! `migrate`: a custom resource of the stack. `CloudFormation` calls it when the migrations have changed, before it updates any other
//! function.

mod callback;
mod request;

use std::time::Duration;

use lambda_runtime::LambdaEvent;
use shared::Clock;
use shared::db::connect::Endpoint;
use shared::db::migrate::{fingerprint, migrate_within};

use callback::{Callback, Verdict};
pub use request::Request;
use request::Task;

/// What is left of the function's time when migrating ends at the latest: for the answer, in all its attempts.
const RESERVE: Duration = Duration::from_secs(30);

/// Migrates the database that the deployed functions work with.
#[derive(Debug)]
pub struct Migrator<C> {
    database: Result<Endpoint, String>,
    callback: Callback,
    clock: C,
}

impl<C: Clock> Migrator<C> {
    /// Reaches Postgres itself at `database`, not a pooler. Without one, the fault is what `CloudFormation` is told.
    ///
    /// # Errors
    /// Where TLS for the answers can't be set up.
    pub fn new(database: Result<Endpoint, String>, clock: C) -> Result<Self, lambda_runtime::Error> {
        Ok(Self {
            database,
            callback: Callback::new()?,
            clock,
        })
    }

    /// Does what `CloudFormation` asks for, and tells it how that went.
    ///
    /// # Errors
    /// Where the answer can't be handed over. Lambda does not call again: `CloudFormation` gives up when `ServiceTimeout` is over.
    pub async fn handle(&self, event: LambdaEvent<Request>) -> Result<(), lambda_runtime::Error> {
        let limit = self.time_left(event.context.deadline).saturating_sub(RESERVE);
        let verdict = match request::task(&event.payload, &fingerprint()) {
            Ok(Task::Migrate) => self.migrate(limit).await,
            Ok(Task::Nothing(reason)) => Verdict::Success(reason.to_owned()),
            Err(fault) => Verdict::Failure(fault),
        };
        tracing::info!(?verdict, "answering CloudFormation");
        self.callback.answer(event.payload, verdict).await
    }

    async fn migrate(&self, limit: Duration) -> Verdict {
        let database = match &self.database {
            Ok(database) => database,
            Err(fault) => return Verdict::Failure(fault.clone()),
        };
        match migrate_within(database, limit).await {
            Ok(applied) if applied.versions.is_empty() => Verdict::Success("the schema was up to date".to_owned()),
            Ok(applied) => Verdict::Success(format!("applied the migrations {:?}", applied.versions)),
            Err(error) => Verdict::Failure(chain(&error)),
        }
    }

    /// Until `deadline`, in milliseconds since 1970.
    fn time_left(&self, deadline: u64) -> Duration {
        let now = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or_default();
        Duration::from_millis(deadline.saturating_sub(now))
    }
}

/// An error with its causes. Those of the database name hosts and tables, and never a password.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
