//! The user that `initdb` and the server run as: they refuse root.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::unix::fs::{MetadataExt, chown, fchown},
    path::Path,
    process::Stdio,
};

use nix::unistd::{Uid, User};
use tokio::process::Command;

use super::error::PostgresError;

/// Whom root asks to run the server, in order of preference.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// What children may see of our environment, which has secrets in it and `PG…` variables that would change the server.
const INHERITED: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// A user that can run Postgres.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    uid: u32,
    gid: u32,
    name: String,
    /// We are root, and children take the user's ids.
    switches: bool,
}

impl Identity {
    /// Ourselves, or for root an unprivileged user.
    pub(super) fn new() -> Result<Self, PostgresError> {
        if Uid::effective().is_root() {
            Self::unprivileged()
        } else {
            Ok(Self::ourselves())
        }
    }

    /// The owner of an existing cluster: who made it has to run it.
    pub(super) fn owning(cluster: &Path) -> Result<Self, PostgresError> {
        let metadata = cluster.metadata().map_err(PostgresError::io("examine", cluster))?;
        let owner = Uid::from_raw(metadata.uid());
        let us = Uid::effective();
        let name = name_of(owner);
        if owner.is_root() || !(us.is_root() || us == owner) {
            return Err(PostgresError::ForeignCluster {
                cluster: cluster.to_owned(),
                owner: name,
            });
        }
        Ok(Self {
            uid: metadata.uid(),
            gid: metadata.gid(),
            name,
            switches: us.is_root(),
        })
    }

    fn ourselves() -> Self {
        let uid = Uid::effective();
        Self {
            uid: uid.as_raw(),
            gid: nix::unistd::Gid::effective().as_raw(),
            name: name_of(uid),
            switches: false,
        }
    }

    fn unprivileged() -> Result<Self, PostgresError> {
        let found = UNPRIVILEGED
            .iter()
            .find_map(|name| User::from_name(name).ok().flatten());
        let user = found.ok_or(PostgresError::NoUser)?;
        Ok(Self {
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            name: format!("user {}", user.name),
            switches: true,
        })
    }

    pub(super) fn uid(&self) -> u32 {
        self.uid
    }

    /// How to call the user in a message.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether children run as somebody else than we do.
    pub(super) fn switches(&self) -> bool {
        self.switches
    }

    /// A command that runs as this user, out of reach of the terminal's Ctrl-C: we stop our children ourselves, in
    /// order.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(
            INHERITED
                .iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        );
        command
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::null())
            .process_group(0);
        if self.switches {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Asks as this user whether the folder can be entered.
    pub(super) async fn reaches(&self, folder: &Path) -> Result<bool, PostgresError> {
        let mut test = self.command("test");
        let status = test.arg("-x").arg(folder).status().await;
        status
            .map(|status| status.success())
            .map_err(PostgresError::io("run as another user", Path::new("test")))
    }

    /// Hands a path of ours over to the user.
    pub(super) fn own(&self, path: &Path) -> Result<(), PostgresError> {
        if self.switches {
            chown(path, Some(self.uid), Some(self.gid)).map_err(PostgresError::io("change the owner of", path))?;
        }
        Ok(())
    }

    /// Hands an open file of ours over to the user.
    pub(super) fn own_file(&self, file: &File) -> io::Result<()> {
        if self.switches {
            fchown(file, Some(self.uid), Some(self.gid))
        } else {
            Ok(())
        }
    }
}

fn name_of(uid: Uid) -> String {
    let user = User::from_uid(uid).ok().flatten();
    user.map_or_else(|| format!("uid {uid}"), |user| format!("user {}", user.name))
}
