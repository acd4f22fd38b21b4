//! Which Postgres: the embedded one or another, brought to the present schema and locked for this gateway.

use std::path::Path;
use std::time::Duration;

use shared::db::connect::Endpoint;
use shared::db::gateway_lock::GatewayLock;
use shared::db::migrate::{MigrateError, migrate};
use shared::db::{Database, DbError};
use tokio::time::{Instant, sleep};

use crate::postgres::{Options, Postgres, PostgresError};

/// How often the lock is looked after.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// How long a predecessor's session may keep the lock after its connection broke.
const PATIENCE: Duration = Duration::from_mins(1);

/// Why there is no database to work with.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The embedded server can't be had.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The schema can't be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The database does not do what it is asked.
    #[error(transparent)]
    Database(#[from] DbError),
    /// Another gateway works with it.
    #[error(
        "another Confab gateway already serves this database. Stop it first, or set DATABASE_URL to another database; \
         connections of two gateways in one table would be taken for each other's"
    )]
    Locked,
    /// The two URLs contradict each other.
    #[error(
        "DATABASE_URL and DATABASE_DIRECT_URL lead to different databases: the second must be the direct way to the database that \
         the first reaches through a pooler"
    )]
    DifferentDatabases,
    /// The direct way to a database that is not ours.
    #[error("DATABASE_DIRECT_URL is set, but DATABASE_URL is not: set both, or neither")]
    OnlyDirect,
}

/// The URL that the settings name, if any.
///
/// # Errors
/// [`DatabaseError::OnlyDirect`]: the embedded server would serve, and another be locked and migrated.
pub fn chosen_url(set: impl Fn(&str) -> Option<String>) -> Result<Option<String>, DatabaseError> {
    match (set("DATABASE_URL"), set("DATABASE_DIRECT_URL")) {
        (None, Some(_)) => Err(DatabaseError::OnlyDirect),
        (url, _) => Ok(url),
    }
}

/// The embedded server, or nothing where `url` names another. The second value is the URL to use.
///
/// # Errors
/// [`DatabaseError::Postgres`] where the embedded server does not come up.
pub async fn obtain(url: Option<String>, folder: &Path) -> Result<(Option<Postgres>, String), DatabaseError> {
    if let Some(url) = url {
        return Ok((None, url));
    }
    let postgres = Postgres::start(Options::new(folder)).await?;
    let url = postgres.url();
    Ok((Some(postgres), url))
}

/// Brings the schema up to date, takes the gateway's lock, and clears the connections that a predecessor left. `direct` leads to
/// Postgres itself, whatever way `db` takes.
///
/// # Errors
/// [`DatabaseError`] where one of these fails.
pub async fn prepare(direct: &Endpoint, db: &Database) -> Result<GatewayLock, DatabaseError> {
    migrate(direct).await?;
    let lock = GatewayLock::try_acquire(direct).await?.ok_or(DatabaseError::Locked)?;
    if !lock.guards(db).await? {
        return Err(DatabaseError::DifferentDatabases);
    }
    shared::db::connections::clear(db).await?;
    Ok(lock)
}

/// Keeps the lock: takes it again when its connection breaks. Returns when another gateway has it.
pub async fn keep_lock(direct: Endpoint, mut lock: GatewayLock) {
    let mut last_held = Instant::now();
    loop {
        sleep(WATCH_INTERVAL).await;
        if !lock.is_lost() {
            last_held = Instant::now();
            continue;
        }
        match GatewayLock::try_acquire(&direct).await {
            Ok(Some(again)) => lock = again,
            Ok(None) if last_held.elapsed() > PATIENCE => return,
            // Our own broken session may still be winding down.
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, "the gateway's lock waits for the database");
                last_held = Instant::now();
            }
        }
    }
}
