//! The files that the server and the keeper write to.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{error::PostgresError, identity::Identity};

/// A larger log is set aside when the server starts.
const LARGEST: u64 = 16 * 1024 * 1024;

/// How many lines a message quotes.
const TAIL_LINES: usize = 20;

/// A log file and where this run's part begins.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    start: u64,
}

impl Log {
    /// Opens the log for a process that will append to it.
    pub(super) fn open(path: &Path, identity: &Identity) -> Result<(Self, File), PostgresError> {
        set_aside_if_large(path);
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        let file = file.map_err(PostgresError::io("open", path))?;
        identity
            .own_file(&file)
            .map_err(PostgresError::io("change the owner of", path))?;
        let start = file.metadata().map_or(0, |metadata| metadata.len());
        Ok((
            Self {
                path: path.to_owned(),
                start,
            },
            file,
        ))
    }

    /// An existing log, from its end on.
    pub(super) fn at_end(path: &Path) -> Self {
        let start = path.metadata().map_or(0, |metadata| metadata.len());
        Self {
            path: path.to_owned(),
            start,
        }
    }

    /// What was written since.
    pub(super) fn text(&self) -> String {
        self.read().unwrap_or_else(|error| format!("(unreadable: {error})"))
    }

    /// The last lines of it.
    pub(super) fn tail(&self) -> String {
        last_lines(&self.text())
    }

    fn read(&self) -> std::io::Result<String> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.start))?;
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The last lines of a text, as many as a message can bear.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn set_aside_if_large(path: &Path) {
    if path.metadata().is_ok_and(|metadata| metadata.len() > LARGEST)
        && let Err(error) = fs::rename(path, path.with_extension("log.old"))
    {
        tracing::warn!(%error, path = %path.display(), "could not set the large log aside");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_quotes_the_last_lines() {
        let text: Vec<String> = (0..100).map(|line| line.to_string()).collect();
        let tail = last_lines(&text.join("\n"));
        assert!(tail.starts_with("80\n") && tail.ends_with("\n99"), "{tail}");
        assert_eq!(last_lines("one\n"), "one");
    }
}
