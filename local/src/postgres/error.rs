//! What can keep an embedded Postgres from running, told to the person who reads it.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

/// Why the embedded Postgres isn't there.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// Another process uses the cluster.
    #[error(
        "the database in {} is in use by {}: stop that one first, or set DATABASE_URL, or choose another folder",
        .folder.display(), holder(*.pid)
    )]
    AlreadyRunning {
        /// The folder of the cluster.
        folder: PathBuf,
        /// The process that uses it, where it is known.
        pid: Option<u32>,
    },

    /// `PG_BIN_DIR` is set and no usable Postgres lies there.
    #[error("PG_BIN_DIR is {value:?}, but {reason}: set it to a folder with postgres and initdb, or unset it")]
    PgBinDir {
        /// The variable's value.
        value: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// No Postgres is installed and none could be downloaded.
    #[error(
        "no PostgreSQL 14 or newer is installed, and downloading one failed ({reason}): install it (`apt-get install \
         postgresql`, `dnf install postgresql-server`, `brew install postgresql`), or set PG_BIN_DIR to the folder of its \
         programs, or set DATABASE_URL to a running one"
    )]
    NotInstalled {
        /// Why the download failed.
        reason: String,
    },

    /// The cluster was made by a major version whose programs are missing.
    #[error(
        "the database in {} was made by PostgreSQL {needed}, and {found}: install PostgreSQL {needed} or set PG_BIN_DIR to its \
         programs; or remove that folder, and with it all data, to begin anew", .cluster.display()
    )]
    WrongVersion {
        /// The cluster's folder.
        cluster: PathBuf,
        /// Its major version.
        needed: u32,
        /// What was found instead.
        found: String,
    },

    /// The cluster belongs to a user as which we can't run the server.
    #[error("the database in {} belongs to {owner}: run as that user, or choose another folder", .cluster.display())]
    ForeignCluster {
        /// The cluster's folder.
        cluster: PathBuf,
        /// Its owner.
        owner: String,
    },

    /// The user that has to run the server can't enter the folder of an existing cluster.
    #[error(
        "{user} has to run the database in {} and can't enter that folder: open its parents to that user",
        .cluster.display()
    )]
    Unreachable {
        /// The cluster's folder.
        cluster: PathBuf,
        /// Who would run the server.
        user: String,
    },

    /// We are root, which Postgres refuses, and there is no other user to run it.
    #[error(
        "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`: create one, or set DATABASE_URL"
    )]
    NoUser,

    /// The folder for the socket can't be trusted.
    #[error("the folder {} can't hold the database's socket, because {reason}: remove it", .path.display())]
    SocketFolder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// `initdb` failed.
    #[error("initdb could not make the database in {}:\n{output}", .cluster.display())]
    InitFailed {
        /// The cluster's folder.
        cluster: PathBuf,
        /// What `initdb` said.
        output: String,
    },

    /// The server ended while it started.
    #[error("PostgreSQL ended while it started; the end of {}:\n{tail}", .log_file.display())]
    StartFailed {
        /// The server's log.
        log_file: PathBuf,
        /// Its last lines since the start.
        tail: String,
    },

    /// The server runs and doesn't answer.
    #[error("PostgreSQL did not answer in time; the end of {}:\n{tail}", .log_file.display())]
    NoAnswer {
        /// The server's log.
        log_file: PathBuf,
        /// Its last lines since the start.
        tail: String,
    },

    /// The keeper of the tests' shared cluster failed.
    #[error("the keeper of the tests' database {reason}; the end of {}:\n{tail}", .log_file.display())]
    KeeperFailed {
        /// What happened.
        reason: String,
        /// The keeper's output.
        log_file: PathBuf,
        /// Its last lines.
        tail: String,
    },

    /// The server refused what we asked.
    #[error("{doing}: {}", chain(.source))]
    Database {
        /// What was being done.
        doing: String,
        /// What the server or the connection said.
        source: tokio_postgres::Error,
    },

    /// The system refused a file or a process.
    #[error("can't {action} {}: {source}", .path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl PostgresError {
    /// For `map_err`: the system's refusal with what was being done to which file.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// For `map_err`: the server's refusal with what was being done.
    pub(super) fn database(doing: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |source| Self::Database {
            doing: doing.into(),
            source,
        }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// The error with its causes in one line: the outermost says hardly more than "db error".
pub(super) fn chain(error: &dyn Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        parts.push(error.to_string());
        cause = error.source();
    }
    parts.dedup_by(|later, earlier| earlier.contains(later.as_str()));
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_start_is_told_the_folder_and_what_to_do() {
        let message = PostgresError::AlreadyRunning {
            folder: ".confab".into(),
            pid: Some(7),
        }
        .to_string();
        for part in [".confab", "process 7", "DATABASE_URL", "another folder"] {
            assert!(message.contains(part), "{part} is missing in {message}");
        }
    }

    #[test]
    fn who_has_no_postgres_is_told_what_to_install_or_to_set() {
        let message = PostgresError::NotInstalled {
            reason: "no network".into(),
        }
        .to_string();
        for part in [
            "no network",
            "apt-get install postgresql",
            "brew",
            "PG_BIN_DIR",
            "DATABASE_URL",
        ] {
            assert!(message.contains(part), "{part} is missing in {message}");
        }
    }

    #[test]
    fn a_cause_that_repeats_its_effect_is_told_once() {
        let inner = io::Error::other("no such host");
        let error = PostgresError::Io {
            action: "reach",
            path: "/x".into(),
            source: inner,
        };
        assert_eq!(chain(&error), "can't reach /x: no such host");
    }
}
