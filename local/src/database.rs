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

/// Brings the schema up to date, takes the gateway's lock, and clears the connections that a predecessor left.
///
/// # Errors
/// [`DatabaseError`] where one of these fails.
pub async fn prepare(endpoint: &Endpoint, db: &Database) -> Result<GatewayLock, DatabaseError> {
    migrate(endpoint).await?;
    let lock = GatewayLock::try_acquire(endpoint).await?.ok_or(DatabaseError::Locked)?;
    shared::db::connections::clear(db).await?;
    Ok(lock)
}

/// Keeps the lock: takes it again when its connection breaks. Returns when another gateway has it.
pub async fn keep_lock(endpoint: Endpoint, mut lock: GatewayLock) {
    let mut last_held = Instant::now();
    loop {
        sleep(WATCH_INTERVAL).await;
        if !lock.is_lost() {
            last_held = Instant::now();
            continue;
        }
        match GatewayLock::try_acquire(&endpoint).await {
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
