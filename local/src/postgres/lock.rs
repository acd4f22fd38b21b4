//! The lock that gives one process at a time the cluster. The kernel releases it when that process ends, however it
//! ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{error::PostgresError, location::Location};

/// How long to wait for a predecessor that is about to end, or for somebody who merely looks whether the lock is held.
const PATIENCE: Duration = Duration::from_millis(500);

/// The cluster's lock, held.
#[derive(Debug)]
pub(super) struct FolderLock {
    file: File,
    path: PathBuf,
}

impl FolderLock {
    /// Takes the lock, or says who has it.
    pub(super) async fn acquire(location: &Location) -> Result<Self, PostgresError> {
        let path = location.lock_file();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let file = open(&path)?;
            location
                .identity()
                .own_file(&file)
                .map_err(PostgresError::io("change the owner of", &path))?;
            if try_exclusive(&file, &path)? {
                let mut lock = Self {
                    file,
                    path: path.clone(),
                };
                // Without this look two could hold the locks of two files, one of which is deleted.
                if lock.is_in_place() {
                    lock.write_pid().map_err(PostgresError::io("write", &path))?;
                    return Ok(lock);
                }
            } else if Instant::now() > deadline {
                return Err(PostgresError::AlreadyRunning {
                    folder: location.folder().to_owned(),
                    pid: read_pid(file),
                });
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether the lock's file is still the one that others see. It is not once somebody has removed the folder.
    pub(super) fn is_in_place(&self) -> bool {
        let ours = self.file.metadata().map(|metadata| (metadata.dev(), metadata.ino()));
        let theirs = self.path.metadata().map(|metadata| (metadata.dev(), metadata.ino()));
        matches!((ours, theirs), (Ok(ours), Ok(theirs)) if ours == theirs)
    }

    fn write_pid(&mut self) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        write!(self.file, "{}", std::process::id())
    }
}

/// Whether some process uses the cluster.
pub(super) fn is_held(location: &Location) -> Result<bool, PostgresError> {
    let path = location.lock_file();
    let file = open(&path)?;
    try_shared(&file, &path).map(|free| !free)
}

/// Opens a file to lock, and creates it where it is missing.
pub(super) fn open(path: &Path) -> Result<File, PostgresError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(PostgresError::io("open", path))
}

/// Takes the file's exclusive lock if nobody has any.
pub(super) fn try_exclusive(file: &File, path: &Path) -> Result<bool, PostgresError> {
    taken(file.try_lock(), path)
}

/// Takes a shared lock of the file if nobody has the exclusive one.
pub(super) fn try_shared(file: &File, path: &Path) -> Result<bool, PostgresError> {
    taken(file.try_lock_shared(), path)
}

fn taken(result: Result<(), TryLockError>, path: &Path) -> Result<bool, PostgresError> {
    match result {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(PostgresError::Io {
            action: "lock",
            path: path.to_owned(),
            source,
        }),
    }
}

fn read_pid(mut file: File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
