//! The process that runs the tests' shared cluster: it ends when no test process has used it for a while.

use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, sleep},
};

use super::{
    Options, Postgres,
    connection::{self, identifier},
    error::PostgresError,
    location::Location,
    lock,
    shared::{self, lease_file},
};

/// How long the cluster stays up unused.
const IDLE_LIMIT: Duration = Duration::from_secs(20);

const POLL: Duration = Duration::from_millis(500);

/// Runs the shared cluster of `folder` until nobody has used it for about 20 seconds, or until told to stop.
/// Returns at once if another keeper does so already.
///
/// # Errors
/// Why the cluster could not be started.
pub async fn keep(folder: &Path) -> Result<(), PostgresError> {
    let mut told_to_stop = StopSignals::listen()?;
    let postgres = match start(folder).await {
        Err(PostgresError::AlreadyRunning { .. }) => return Ok(()),
        started => started?,
    };
    let unused = tokio::select! {
        unused = until_unused(folder) => Some(unused?),
        () = told_to_stop.received() => None,
    };
    if unused.is_some() {
        remove_leftovers(&postgres.url()).await;
    }
    postgres.stop().await;
    // Newcomers wait for this lock, and then find the cluster's free.
    drop(unused);
    Ok(())
}

/// Starts the cluster, from nothing if the present one is unusable: a crash of the machine may break one without fsync,
/// an upgrade of Postgres may leave one behind, and nothing in it is worth keeping.
async fn start(folder: &Path) -> Result<Postgres, PostgresError> {
    match Postgres::start(options(folder)).await {
        Err(error @ (PostgresError::StartFailed { .. } | PostgresError::WrongVersion { .. })) => {
            tracing::warn!(%error, "making the tests' cluster anew");
            let data = Location::resolve(folder).await?.data();
            fs::remove_dir_all(&data).map_err(PostgresError::io("remove", &data))?;
            Postgres::start(options(folder)).await
        }
        started => started,
    }
}

/// What the tests' cluster is like: fast, roomy, and with the database's name in each line of the log.
fn options(folder: &Path) -> Options {
    Options::new(folder)
        .non_durable()
        .setting("max_connections", shared::MAX_CONNECTIONS)
}

/// Returns the lease file, exclusively locked, once it has been free for long enough.
async fn until_unused(folder: &Path) -> Result<File, PostgresError> {
    let path = lease_file(folder);
    let mut last_used = Instant::now();
    loop {
        let lease = lock::open(&path)?;
        if !lock::try_exclusive(&lease, &path)? {
            last_used = Instant::now();
        } else if last_used.elapsed() >= IDLE_LIMIT {
            return Ok(lease);
        }
        drop(lease);
        sleep(POLL).await;
    }
}

/// The signals that end a keeper in order.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// From here on the signals don't end the process, so that one during the start leaves no server behind.
    fn listen() -> Result<Self, PostgresError> {
        let listen = |kind| signal(kind).map_err(PostgresError::io("listen for signals as", Path::new("the keeper")));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Removes the databases that killed tests left. Those marked as templates stay.
async fn remove_leftovers(url: &str) {
    if let Err(error) = try_remove_leftovers(url).await {
        tracing::warn!(%error, "could not remove the databases that tests left");
    }
}

async fn try_remove_leftovers(url: &str) -> Result<(), PostgresError> {
    let client = connection::connect(url).await?;
    let leftovers = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', 'confab')";
    let rows = client
        .query(leftovers, &[])
        .await
        .map_err(PostgresError::database("could not list the databases"))?;
    for row in rows {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", identifier(row.get(0)));
        client
            .batch_execute(&drop)
            .await
            .map_err(PostgresError::database("could not drop a database"))?;
    }
    Ok(())
}
