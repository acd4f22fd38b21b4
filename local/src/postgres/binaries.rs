//! Finding an installed Postgres.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fmt, fs,
    path::{Path, PathBuf},
};

use super::{download, error::PostgresError, identity::Identity, location::Location};

/// The oldest major version that will do.
const OLDEST: u32 = 14;

/// Where packages put their programs; a `*` stands for any text within one name.
const USUAL_FOLDERS: [&str; 7] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/usr/local/pgsql/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// A version of Postgres: major and minor.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Version {
    pub(super) major: u32,
    minor: u32,
}

impl Version {
    /// From `postgres --version`: `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, or `17beta1`, `18devel`.
    fn parse(output: &str) -> Option<Self> {
        let (_, text) = output.split_once("(PostgreSQL) ")?;
        let mut numbers = text.split(|character: char| !character.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next().and_then(|minor| minor.parse().ok()).unwrap_or(0);
        Some(Self { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// The programs of one Postgres.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Installation {
    folder: PathBuf,
    pub(super) version: Version,
}

impl Installation {
    /// Finds the programs for the cluster, the newest there are for a new one, and downloads some if there are none.
    pub(super) async fn obtain(location: &Location) -> Result<Self, PostgresError> {
        let needed = cluster_version(&location.data())?;
        if let Some(folder) = std::env::var_os("PG_BIN_DIR").filter(|value| !value.is_empty()) {
            return Self::configured(Path::new(&folder), location, needed).await;
        }
        let installed = installed(location).await;
        if let Some(suitable) = choose(&installed, needed) {
            return Ok(suitable);
        }
        let downloaded = download::obtain(location, needed).await;
        downloaded.map_err(|reason| missing(location, needed, &installed, reason))
    }

    /// The one that `PG_BIN_DIR` names, or why it won't do.
    async fn configured(folder: &Path, location: &Location, needed: Option<u32>) -> Result<Self, PostgresError> {
        let found = Self::inspect(folder, location.identity()).await;
        let found = found.map_err(|reason| PostgresError::PgBinDir {
            value: folder.to_owned(),
            reason,
        })?;
        if let Some(needed) = needed.filter(|needed| *needed != found.version.major) {
            let found = format!("PG_BIN_DIR ({}) has {}", folder.display(), found.version);
            return Err(PostgresError::WrongVersion {
                cluster: location.data(),
                needed,
                found,
            });
        }
        Ok(found)
    }

    /// Asks the programs in a folder who they are, as the user that will run them.
    pub(super) async fn inspect(folder: &Path, identity: &Identity) -> Result<Self, String> {
        let postgres = folder.join("postgres").canonicalize();
        let postgres = postgres.map_err(|error| format!("there is no program `postgres` in it ({error})"))?;
        let folder = postgres.parent().unwrap_or(folder).to_owned();
        if !folder.join("initdb").exists() {
            return Err("there is no program `initdb` in it".to_owned());
        }
        let output = identity.command(&postgres).arg("--version").output().await;
        let output = output.map_err(|error| format!("{} can't run its `postgres` ({error})", identity.name()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        match Version::parse(&text) {
            Some(version) if version.major >= OLDEST => Ok(Self { folder, version }),
            Some(version) => Err(format!("it has PostgreSQL {version}, older than {OLDEST}")),
            None => Err(format!("its `postgres --version` says {:?}", text.trim())),
        }
    }

    /// One of the programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The major version of an existing cluster.
fn cluster_version(data: &Path) -> Result<Option<u32>, PostgresError> {
    let file = data.join("PG_VERSION");
    if !file.try_exists().map_err(PostgresError::io("examine", &file))? {
        return Ok(None);
    }
    let text = fs::read_to_string(&file).map_err(PostgresError::io("read", &file))?;
    Ok(text.trim().parse().ok())
}

/// All usable installations.
async fn installed(location: &Location) -> Vec<Installation> {
    let mut found = Vec::new();
    for folder in candidates(location).await {
        match Installation::inspect(&folder, location.identity()).await {
            Ok(installation) => found.push(installation),
            Err(reason) => tracing::debug!(folder = %folder.display(), reason, "not a usable Postgres"),
        }
    }
    found
}

/// Folders with a `postgres`, each once though several ways may lead to it.
async fn candidates(location: &Location) -> BTreeSet<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = USUAL_FOLDERS.iter().flat_map(|pattern| expand(Path::new(pattern)));
    let named = pg_config_folder(location.identity()).await;
    let downloaded = download::folders(location);
    let all = std::env::split_paths(&path).chain(usual).chain(named).chain(downloaded);
    all.filter_map(|folder| {
        folder
            .join("postgres")
            .canonicalize()
            .ok()?
            .parent()
            .map(Path::to_owned)
    })
    .collect()
}

async fn pg_config_folder(identity: &Identity) -> Option<PathBuf> {
    let output = identity.command("pg_config").arg("--bindir").output().await.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (!text.trim().is_empty()).then(|| PathBuf::from(text.trim()))
}

/// The existing paths that a pattern stands for.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    pattern.components().fold(vec![PathBuf::new()], |prefixes, component| {
        prefixes
            .iter()
            .flat_map(|prefix| matching(prefix, component.as_os_str()))
            .collect()
    })
}

fn matching(prefix: &Path, name: &OsStr) -> Vec<PathBuf> {
    let Some((start, end)) = name.to_str().and_then(|name| name.split_once('*')) else {
        return vec![prefix.join(name)];
    };
    let entries = fs::read_dir(prefix).into_iter().flatten().flatten();
    let matches = entries.filter(|entry| {
        entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)))
    });
    matches.map(|entry| entry.path()).collect()
}

/// The newest, of the needed major version where one is needed.
fn choose(installed: &[Installation], needed: Option<u32>) -> Option<Installation> {
    let suitable = installed
        .iter()
        .filter(|candidate| needed.is_none_or(|needed| candidate.version.major == needed));
    suitable.max_by_key(|candidate| candidate.version).cloned()
}

fn missing(location: &Location, needed: Option<u32>, installed: &[Installation], reason: String) -> PostgresError {
    let Some(needed) = needed else {
        return PostgresError::NotInstalled { reason };
    };
    let versions: Vec<String> = installed.iter().map(|one| one.version.to_string()).collect();
    let found = if versions.is_empty() {
        "no PostgreSQL".to_owned()
    } else {
        format!("only {}", versions.join(", "))
    };
    let found = format!("{found} is installed here (downloading {needed} failed: {reason})");
    PostgresError::WrongVersion {
        cluster: location.data(),
        needed,
        found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installation(major: u32, minor: u32) -> Installation {
        Installation {
            folder: format!("/pg/{major}.{minor}").into(),
            version: Version { major, minor },
        }
    }

    #[test]
    fn versions_of_every_packager_are_read() {
        let version = |text| Version::parse(text).map(|version| (version.major, version.minor));
        assert_eq!(
            version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some((15, 18))
        );
        assert_eq!(version("postgres (PostgreSQL) 17.0\n"), Some((17, 0)));
        assert_eq!(version("postgres (PostgreSQL) 19devel\n"), Some((19, 0)));
        assert_eq!(version("mysqld 8"), None);
    }

    #[test]
    fn a_new_cluster_takes_the_newest() {
        let installed = [installation(15, 18), installation(16, 2), installation(16, 10)];
        assert_eq!(choose(&installed, None), Some(installation(16, 10)));
    }

    #[test]
    fn an_existing_cluster_takes_its_own_version_or_none() {
        let installed = [installation(15, 18), installation(17, 2)];
        assert_eq!(choose(&installed, Some(15)), Some(installation(15, 18)));
        assert_eq!(choose(&installed, Some(16)), None);
    }

    #[test]
    fn a_star_stands_for_any_text_within_a_name() {
        assert!(expand(Path::new("/us*/bin")).contains(&PathBuf::from("/usr/bin")));
        assert!(expand(Path::new("/no-such-folder-*/bin")).is_empty());
    }
}
