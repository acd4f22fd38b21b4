//! Files that hold secrets: made once and kept, or replaced.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

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

/// Writes the file `name` in `folder`, in place of an older one, complete or not at all. Only its owner can read the file.
///
/// # Errors
/// Where it can't be written; an older one stays then.
pub(crate) fn replace(folder: &Path, name: &str, content: &str) -> io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(name);
    through_draft(&path, content, |draft| std::fs::rename(draft, &path))?;
    Ok(path)
}

/// Writes a file. It gets its name when it is complete, so that nobody reads half of it and a crash leaves none; where somebody else was
/// quicker, theirs stays.
fn keep(folder: &Path, name: &str, content: &str) -> io::Result<()> {
    let path = folder.join(name);
    through_draft(&path, content, |draft| match std::fs::hard_link(draft, &path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    })
}

/// Publishes a complete draft, and leaves none behind however that goes.
fn through_draft(path: &Path, content: &str, publish: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", uuid::Uuid::new_v4()));
    let draft = PathBuf::from(draft);
    let published = write(&draft, content).and_then(|()| publish(&draft));
    match std::fs::remove_file(&draft) {
        // It was renamed, or never made.
        Err(error) if error.kind() == io::ErrorKind::NotFound => published,
        removed => published.and(removed),
    }
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
