//! Secrets that are made once and kept.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What the file `name` in `folder` holds, which `make` made if there was none. Only its owner can read the file.
///
/// # Errors
/// Where the file can't be read or written.
pub(crate) fn load_or_make(folder: &Path, name: &str, make: impl FnOnce() -> String) -> io::Result<String> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(name);
    if !path.try_exists()? {
        keep(folder, name, &make())?;
    }
    std::fs::read_to_string(&path)
}

/// Writes a file. It gets its name when it is complete, so that nobody reads half of it and a crash leaves none; where somebody else was
/// quicker, theirs stays.
fn keep(folder: &Path, name: &str, content: &str) -> io::Result<()> {
    let draft = folder.join(format!("{name}.{}", uuid::Uuid::new_v4()));
    let kept = write(&draft, content).and_then(|()| match std::fs::hard_link(&draft, folder.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = std::fs::remove_file(&draft);
    kept.and(removed)
}

fn write(draft: &Path, content: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}
