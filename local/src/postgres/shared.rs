//! One cluster for all test processes, with nothing to start by hand.

use std::{
    fs::File,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};
use tokio_postgres::error::SqlState;

use super::{
    connection::{self, Answer, DATABASE, MAINTENANCE, identifier},
    error::PostgresError,
    location::Location,
    lock,
    log::Log,
};

/// Every test has a pool of its own.
pub(super) const MAX_CONNECTIONS: &str = "400";

/// The hidden subcommand that calls [`keep`](super::keep).
const KEEPER_COMMAND: &str = "postgres-keeper";

const ACQUIRE_TIMEOUT: Duration = Duration::from_mins(2);

/// How long a template may be in use before a clone of it fails.
const TEMPLATE_TIMEOUT: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(20);

/// A share in the tests' cluster, which runs for as long as anybody has one and a little longer.
#[derive(Debug)]
pub struct SharedPostgres {
    location: Location,
    /// Its shared lock tells the keeper that somebody is here; the kernel releases it with this process at the latest.
    _lease: File,
}

impl SharedPostgres {
    /// Makes sure that the shared cluster of `folder` runs. `local` is the executable with the subcommand
    /// `postgres-keeper`, which becomes the process that the cluster belongs to: it outlives this one.
    ///
    /// # Errors
    /// Why the cluster does not run, or that it did not in time.
    pub async fn acquire(local: &Path, folder: &Path) -> Result<Self, PostgresError> {
        let local = std::path::absolute(local).map_err(PostgresError::io("resolve", local))?;
        let location = Location::resolve(folder).await?;
        let deadline = Instant::now() + ACQUIRE_TIMEOUT;
        // In this order: a keeper that is ending must not be taken for one that stays.
        let lease = wait_for_lock(&lease_file(location.folder()), lock::try_shared, deadline, &location).await?;
        let turn_file = location.folder().join("keeper.lock");
        let _turn = wait_for_lock(&turn_file, lock::try_exclusive, deadline, &location).await?;
        wait_for_server(&local, &location, deadline).await?;
        Ok(Self {
            location,
            _lease: lease,
        })
    }

    /// The URL of the cluster's own database.
    #[must_use]
    pub fn url(&self) -> String {
        self.database_url(DATABASE)
    }

    /// The URL of a database in the cluster.
    #[must_use]
    pub fn database_url(&self, name: &str) -> String {
        database_url(&self.location, name)
    }

    /// The file that the server logs to, each line with its database's name.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.location.log_file()
    }

    /// Creates a database, as a copy of `template` if that is given. Waits while somebody is connected to the template.
    ///
    /// # Errors
    /// What the server says, for example that there is such a database.
    pub async fn create_database(&self, name: &str, template: Option<&str>) -> Result<(), PostgresError> {
        let template = template.map_or_else(String::new, |template| format!(" TEMPLATE {}", identifier(template)));
        let statement = format!("CREATE DATABASE {}{template}", identifier(name));
        let client = connection::connect(&self.database_url(MAINTENANCE)).await?;
        let deadline = Instant::now() + TEMPLATE_TIMEOUT;
        loop {
            match client.batch_execute(&statement).await {
                Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) && Instant::now() < deadline => {
                    sleep(POLL).await;
                }
                created => {
                    return created.map_err(PostgresError::database(format!("can't create the database {name}")));
                }
            }
        }
    }

    /// Drops a database, together with the connections to it, if it exists.
    ///
    /// # Errors
    /// What the server says.
    pub async fn drop_database(&self, name: &str) -> Result<(), PostgresError> {
        let client = connection::connect(&self.database_url(MAINTENANCE)).await?;
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(name));
        let dropped = client.batch_execute(&statement).await;
        dropped.map_err(PostgresError::database(format!("can't drop the database {name}")))
    }
}

/// The file that users of the cluster have locked, shared, and the ending keeper exclusively.
pub(super) fn lease_file(folder: &Path) -> PathBuf {
    folder.join("lease")
}

fn database_url(location: &Location, name: &str) -> String {
    connection::url(location.socket_folder(), "5432", name)
}

fn keeper_log(location: &Location) -> PathBuf {
    location.folder().join("keeper.log")
}

async fn wait_for_lock(
    path: &Path,
    try_lock: fn(&File, &Path) -> Result<bool, PostgresError>,
    deadline: Instant,
    location: &Location,
) -> Result<File, PostgresError> {
    let file = lock::open(path)?;
    while !try_lock(&file, path)? {
        pause_until(deadline, location).await?;
    }
    Ok(file)
}

/// Returns once a keeper runs and its server answers; starts a keeper if there is none.
async fn wait_for_server(local: &Path, location: &Location, deadline: Instant) -> Result<(), PostgresError> {
    let mut keeper: Option<(Child, Log)> = None;
    loop {
        if lock::is_held(location)? {
            if matches!(
                connection::probe(&database_url(location, DATABASE)).await,
                Answer::Ready
            ) {
                return Ok(());
            }
        } else if let Some((child, log)) = &mut keeper {
            match child.try_wait().map_err(PostgresError::io("wait for", local))? {
                // Another keeper was first, or somebody killed this one: neither is a reason to give up.
                Some(status) if status.success() || status.signal().is_some() => keeper = None,
                Some(status) => return Err(keeper_failed(status, location, log)),
                None => {}
            }
        } else {
            keeper = Some(spawn_keeper(local, location)?);
        }
        pause_until(deadline, location).await?;
    }
}

/// Starts a keeper that nothing of ours ends: not the test runner's waiting for closed pipes, not Ctrl-C.
fn spawn_keeper(local: &Path, location: &Location) -> Result<(Child, Log), PostgresError> {
    let path = keeper_log(location);
    let (log, file) = Log::open(&path, location.identity())?;
    let output = file.try_clone().map_err(PostgresError::io("open", &path))?;
    let mut command = Command::new(local);
    command
        .arg(KEEPER_COMMAND)
        .arg("--folder")
        .arg(location.folder())
        .current_dir("/")
        .process_group(0);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(file));
    Ok((command.spawn().map_err(PostgresError::io("run", local))?, log))
}

async fn pause_until(deadline: Instant, location: &Location) -> Result<(), PostgresError> {
    if Instant::now() >= deadline {
        let reason = format!("did not bring it up within {} s", ACQUIRE_TIMEOUT.as_secs());
        return Err(PostgresError::KeeperFailed {
            reason,
            log_file: keeper_log(location),
            tail: String::new(),
        });
    }
    sleep(POLL).await;
    Ok(())
}

fn keeper_failed(status: ExitStatus, location: &Location, log: &Log) -> PostgresError {
    let reason = format!("ended ({status})");
    PostgresError::KeeperFailed {
        reason,
        log_file: keeper_log(location),
        tail: log.tail(),
    }
}
