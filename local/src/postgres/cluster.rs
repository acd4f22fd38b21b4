//! Making a cluster.

use std::{
    fs::{self, File},
    path::Path,
};

use super::{
    binaries::Installation,
    connection::USER,
    error::PostgresError,
    location::{Location, create_folder},
    log::last_lines,
    options::Options,
};

/// How the folders of unfinished clusters begin.
const UNFINISHED: &str = "initializing-";

/// How characters are classified, best first: `C.UTF-8` knows all of Unicode but isn't on every system. The order of
/// text is always that of its bytes, which no update of the system changes under an index.
const CHARACTER_TYPES: [&str; 2] = ["C.UTF-8", "C"];

/// Makes the cluster where there is none. It appears whole: until it is finished it lies in a folder of another name.
pub(super) async fn ensure(
    location: &Location,
    installation: &Installation,
    options: &Options,
) -> Result<(), PostgresError> {
    let data = location.data();
    if data.exists() {
        return Ok(());
    }
    remove_unfinished(location.home())?;
    tracing::info!(folder = %data.display(), version = %installation.version, "making a database cluster");
    let unfinished = location.home().join(format!("{UNFINISHED}{}", std::process::id()));
    initialize(&unfinished, location, installation, options).await?;
    fs::rename(&unfinished, &data).map_err(PostgresError::io("create", &data))?;
    sync_folder(location.home())
}

/// Removes what killed predecessors left.
fn remove_unfinished(home: &Path) -> Result<(), PostgresError> {
    let entries = fs::read_dir(home).map_err(PostgresError::io("read", home))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_dir_all(entry.path()).map_err(PostgresError::io("remove", &entry.path()))?;
        }
    }
    Ok(())
}

async fn initialize(
    folder: &Path,
    location: &Location,
    installation: &Installation,
    options: &Options,
) -> Result<(), PostgresError> {
    let mut output = String::new();
    for character_type in CHARACTER_TYPES {
        create_folder(folder, 0o700)?;
        location.identity().own(folder)?;
        match run_initdb(folder, character_type, location, installation, options).await? {
            Ok(()) => return Ok(()),
            Err(said) => output = said,
        }
        fs::remove_dir_all(folder).map_err(PostgresError::io("remove", folder))?;
        tracing::debug!(character_type, output, "initdb failed");
    }
    Err(PostgresError::InitFailed {
        cluster: location.data(),
        output: last_lines(&output),
    })
}

/// Runs `initdb`; the inner error is what it said.
async fn run_initdb(
    folder: &Path,
    character_type: &str,
    location: &Location,
    installation: &Installation,
    options: &Options,
) -> Result<Result<(), String>, PostgresError> {
    let program = installation.program("initdb");
    let mut command = location.identity().command(&program);
    command
        .arg("--pgdata")
        .arg(folder)
        .args(["--username", USER, "--encoding", "UTF8", "--locale", "C"]);
    command.args([
        "--lc-ctype",
        character_type,
        "--auth-local",
        "trust",
        "--auth-host",
        "reject",
    ]);
    if !options.durable {
        command.arg("--no-sync");
    }
    let output = command
        .kill_on_drop(true)
        .output()
        .await
        .map_err(PostgresError::io("run", &program))?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    Ok(Err(
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    ))
}

/// Makes a rename in the folder last.
fn sync_folder(folder: &Path) -> Result<(), PostgresError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(PostgresError::io("sync", folder))
}
