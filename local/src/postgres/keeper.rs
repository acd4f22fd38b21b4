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

/// How long newcomers may come in between two databases that are removed: longer than they take to look again.
const OPENING: Duration = Duration::from_millis(50);

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
    let url = postgres.url();
    let unused = tokio::select! {
        unused = until_unused(folder, &url) => Some(unused?),
        () = told_to_stop.received() => None,
    };
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

/// Returns the lease file, exclusively locked, once it has been free for long enough and what tests left is removed.
async fn until_unused(folder: &Path, url: &str) -> Result<File, PostgresError> {
    let path = lease_file(folder);
    let mut last_used = Instant::now();
    loop {
        let lease = lock::open(&path)?;
        let mut pause = POLL;
        if !lock::try_exclusive(&lease, &path)? {
            last_used = Instant::now();
        } else if last_used.elapsed() >= IDLE_LIMIT {
            // Hundreds of databases take a busy machine minutes: newcomers wait for one of them at most.
            if !remove_leftover(url).await {
                return Ok(lease);
            }
            pause = OPENING;
        }
        drop(lease);
        sleep(pause).await;
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

/// Removes one of the databases that tests left, and returns whether there was one. Those marked as templates stay.
async fn remove_leftover(url: &str) -> bool {
    try_remove_leftover(url).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "could not remove a database that a test left");
        false
    })
}

async fn try_remove_leftover(url: &str) -> Result<bool, PostgresError> {
    let client = connection::connect(url).await?;
    let leftovers =
        "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', 'confab') LIMIT 1";
    let leftover = client
        .query_opt(leftovers, &[])
        .await
        .map_err(PostgresError::database("could not list the databases"))?;
    let Some(leftover) = leftover else {
        return Ok(false);
    };
    let drop = format!("DROP DATABASE {} WITH (FORCE)", identifier(leftover.get(0)));
    client
        .batch_execute(&drop)
        .await
        .map_err(PostgresError::database("could not drop a database"))?;
    Ok(true)
}
