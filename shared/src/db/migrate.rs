//! Brings a database to the schema of this code: the files of `migrations/`, compiled in, each in a transaction of its own.
//!
//! Forward only. A database that is ahead of the code is left as it is, so that a deployment can be rolled back while its
//! migrations stay; a file that was changed, removed or slipped in behind a later one is refused before anything runs.

use std::time::Duration;

use refinery::error::Kind;
use refinery::{Error, Migration, Report, Runner, SchemaVersion};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::Client;

use super::cancel::cancel;
use super::connect::Endpoint;
use super::session_lock::{self, Attempt, SHARED_SESSION};

mod embedded {
    refinery::embed_migrations!("../migrations");
}

/// The advisory lock that one migrating process holds, `confabDB` in ASCII: any number does that nothing else in the database
/// locks.
const LOCK: i64 = i64::from_be_bytes(*b"confabDB");

/// How long to wait for another process's migrations.
const LOCK_WAIT: Duration = Duration::from_mins(1);

const LOCK_POLL: Duration = Duration::from_millis(100);

/// How long a server may take until a session is open: one that was scaled to zero needs half of it to resume.
const CONNECT_WAIT: Duration = Duration::from_secs(30);

/// How long the request to cancel a statement may take.
const CANCEL_WAIT: Duration = Duration::from_secs(3);

/// What a call of [`migrate`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The versions that were applied, in order; none where the database had them all.
    pub versions: Vec<SchemaVersion>,
}

/// Why a database was not migrated, or not to the end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// No connection, or it was lost.
    #[error("can't reach the database to migrate it")]
    Connection(#[from] tokio_postgres::Error),

    /// A server takes the connection and then says nothing.
    #[error("the database did not open a session within {} s", .0.as_secs())]
    Silent(Duration),

    /// The migrations take longer than they may.
    #[error(
        "the migrations were not done within {} s and the one that ran was undone: run `local migrate` with this database's URL, \
         which has no limit",
        .0.as_secs()
    )]
    TooSlow(Duration),

    /// Another process migrates and does not come to an end.
    #[error(
        "another process has been migrating this database for {} s: wait for it, or end its session (advisory lock {LOCK})",
        LOCK_WAIT.as_secs()
    )]
    Busy,

    /// The connection goes through a pooler.
    #[error("{SHARED_SESSION}")]
    SharedSession,

    /// A file is not what was applied.
    #[error(
        "migration {file} is not what was applied to this database as {applied}: restore it, and put the change into a new \
         migration"
    )]
    Changed {
        /// The migration in the code, as `V1__name`.
        file: String,
        /// The migration in the database.
        applied: String,
    },

    /// The database has an older migration that the code lacks.
    #[error("migration {migration} was applied to this database, but its file is gone: restore it")]
    Removed {
        /// The migration, as `V1__name`.
        migration: String,
    },

    /// The code has a migration that would come too late.
    #[error(
        "migration {migration} was never applied to this database, but a later one was: give it the next free number"
    )]
    Late {
        /// The migration, as `V1__name`.
        migration: String,
    },

    /// A migration's SQL failed; what came before it stays, of itself nothing does.
    #[error("migrating failed")]
    Failed(#[source] Error),
}

/// Applies the migrations that `endpoint`'s database lacks, and says which.
///
/// Processes that do this at the same time wait for each other. It must be a connection to Postgres itself: the lock belongs
/// to the session, which a transaction pooler would share.
///
/// # Errors
/// [`MigrateError`]: the database can't be reached or only through a pooler, another process has been migrating it for a minute, its
/// history and the files contradict each other, or a migration fails.
pub async fn migrate(endpoint: &Endpoint) -> Result<Applied, MigrateError> {
    let mut client = connect(endpoint, CONNECT_WAIT).await?;
    apply_alone(&mut client, endpoint).await
}

/// As [`migrate`], for `limit` at most, connecting and cancelling included: then the statement that runs is cancelled, so that nothing of it happens later, when
/// whoever asked has been told that it failed.
///
/// # Errors
/// Those of [`migrate`], and [`MigrateError::TooSlow`].
pub async fn migrate_within(endpoint: &Endpoint, limit: Duration) -> Result<Applied, MigrateError> {
    // One deadline over all of it: what a slow server takes to connect is not there for the migrations, nor what cancelling may take.
    let time = limit.saturating_sub(CANCEL_WAIT);
    let deadline = Instant::now() + time;
    let mut client = connect(endpoint, CONNECT_WAIT.min(time)).await?;
    if let Ok(result) = timeout_at(deadline, apply_alone(&mut client, endpoint)).await {
        return result;
    }
    let in_time = timeout(CANCEL_WAIT, cancel(&client, endpoint)).await.is_ok();
    tracing::warn!(in_time, "cancelled the migration that took too long");
    Err(MigrateError::TooSlow(limit))
}

/// What tells this schema from another: SHA-256 over the files of `migrations/` in the order of their versions, in hexadecimal. A
/// shell has the same from `cat $(ls migrations/V*.sql | sort -V) | sha256sum`.
#[must_use]
pub fn fingerprint() -> String {
    let runner = embedded::migrations::runner();
    let mut files: Vec<_> = runner.get_migrations().iter().collect();
    files.sort_by_key(|file| file.version());
    let sql = files.into_iter().filter_map(Migration::sql);
    hex::encode(sql.fold(Sha256::new(), Digest::chain_update).finalize())
}

async fn connect(endpoint: &Endpoint, wait: Duration) -> Result<Client, MigrateError> {
    let client = timeout(wait, endpoint.connect()).await;
    Ok(client.map_err(|_| MigrateError::Silent(wait))??)
}

/// Applies what is missing while no other process does.
async fn apply_alone(client: &mut Client, endpoint: &Endpoint) -> Result<Applied, MigrateError> {
    timeout(LOCK_WAIT, lock(client, endpoint))
        .await
        .map_err(|_| MigrateError::Busy)??;
    // The lock ends with the connection, and so on every way out of here.
    apply(client, embedded::migrations::runner().get_migrations()).await
}

/// Polls, since a waiting `pg_advisory_lock` is an open transaction: it would stop a `create index concurrently` of the
/// process that has the lock.
async fn lock(client: &Client, endpoint: &Endpoint) -> Result<(), MigrateError> {
    loop {
        match session_lock::try_acquire(client, endpoint, LOCK).await? {
            Attempt::Acquired => return Ok(()),
            Attempt::SharedSession => return Err(MigrateError::SharedSession),
            Attempt::Held => tracing::debug!("another process is migrating the database"),
        }
        sleep(LOCK_POLL).await;
    }
}

async fn apply(client: &mut Client, files: &[Migration]) -> Result<Applied, MigrateError> {
    let history = list_applied(client).await?;
    let result = Runner::new(&with_newer(files, history)).run_async(client).await;
    let report = match &result {
        Ok(report) => Some(report),
        // The migrations before the one that failed.
        Err(error) => error.report(),
    };
    let applied = Applied {
        versions: report.map(log_applied).unwrap_or_default(),
    };
    result.map_err(explain)?;
    Ok(applied)
}

/// The database's history, oldest first; a new database has none.
async fn list_applied(client: &mut Client) -> Result<Vec<Migration>, MigrateError> {
    let exists = "select to_regclass('refinery_schema_history') is not null";
    if client.query_one(exists, &[]).await?.try_get(0)? {
        Runner::new(&[])
            .get_applied_migrations_async(client)
            .await
            .map_err(explain)
    } else {
        Ok(Vec::new())
    }
}

/// The files, and what a newer version of this code has already applied, as if it were a file too. So refinery lets a
/// database be ahead; told not to mind missing migrations, it would also skip one that comes too late, without a word.
fn with_newer(files: &[Migration], history: Vec<Migration>) -> Vec<Migration> {
    let newest = files.iter().map(Migration::version).max();
    let newer = history.into_iter().filter(|applied| Some(applied.version()) > newest);
    files.iter().cloned().chain(newer).collect()
}

fn log_applied(report: &Report) -> Vec<SchemaVersion> {
    let applied = report.applied_migrations();
    for migration in applied {
        tracing::info!(%migration, "applied a migration");
    }
    applied.iter().map(Migration::version).collect()
}

fn explain(error: Error) -> MigrateError {
    match error.kind() {
        Kind::DivergentVersion(applied, file) => MigrateError::Changed {
            file: file.to_string(),
            applied: applied.to_string(),
        },
        // Refinery says the same of both; only what comes from the database has a time of application.
        Kind::MissingVersion(migration) if migration.applied_on().is_some() => MigrateError::Removed {
            migration: migration.to_string(),
        },
        Kind::MissingVersion(migration) => MigrateError::Late {
            migration: migration.to_string(),
        },
        _ => MigrateError::Failed(error),
    }
}
