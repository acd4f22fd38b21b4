//! Where a cluster lies.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{error::PostgresError, identity::Identity, socket};

/// Where the clusters of folders lie that the server's user can't enter.
const STATE_FOLDER: &str = "/var/lib/confab";

/// The file in the folder that names the cluster's home, where that is elsewhere.
const POINTER: &str = "cluster";

/// The places of one cluster and who runs it.
#[derive(Clone, Debug)]
pub(super) struct Location {
    folder: PathBuf,
    home: PathBuf,
    socket_folder: PathBuf,
    identity: Identity,
}

impl Location {
    /// Decides where the cluster of `folder` lies and prepares the folders around it.
    pub(super) async fn resolve(folder: &Path) -> Result<Self, PostgresError> {
        fs::create_dir_all(folder).map_err(PostgresError::io("create", folder))?;
        let folder = folder.canonicalize().map_err(PostgresError::io("resolve", folder))?;
        let home = find_home(&folder).await?;
        let identity = identity_for(&home)?;
        prepare_home(&home, &identity)?;
        let socket_folder = socket::prepare_folder(&home, &identity)?;
        Ok(Self {
            folder,
            home,
            socket_folder,
            identity,
        })
    }

    /// The folder as its user knows it.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// All that belongs to the cluster. The server's user can enter it and not write to it.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// The cluster itself: Postgres' data folder.
    pub(super) fn data(&self) -> PathBuf {
        data_in(&self.home)
    }

    pub(super) fn socket_folder(&self) -> &Path {
        &self.socket_folder
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.home.join("postgres.log")
    }

    pub(super) fn lock_file(&self) -> PathBuf {
        self.home.join("lock")
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }
}

fn data_in(home: &Path) -> PathBuf {
    home.join("data")
}

/// Who runs the cluster: the owner of an existing one.
fn identity_for(home: &Path) -> Result<Identity, PostgresError> {
    let data = data_in(home);
    match data.try_exists() {
        Ok(true) => Identity::owning(&data),
        Ok(false) => Identity::new(),
        Err(source) => Err(PostgresError::Io {
            action: "examine",
            path: data,
            source,
        }),
    }
}

/// The cluster's home: in the folder, or in the system's state folder where the server's user can't enter the former.
async fn find_home(folder: &Path) -> Result<PathBuf, PostgresError> {
    let inside = folder.join("postgres");
    let identity = identity_for(&inside)?;
    if !identity.switches() {
        return Ok(inside);
    }
    if let Some(home) = read_pointer(folder) {
        return Ok(home);
    }
    if identity.reaches(folder).await? {
        return Ok(inside);
    }
    if data_in(&inside).exists() {
        return Err(PostgresError::Unreachable {
            cluster: data_in(&inside),
            user: identity.name().to_owned(),
        });
    }
    create_home_elsewhere(folder)
}

/// The home that an earlier run chose. It stays there, however reachable the folder has become.
fn read_pointer(folder: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(folder.join(POINTER)).ok()?;
    let home = PathBuf::from(text.trim_end());
    (home.parent() == Some(Path::new(STATE_FOLDER)) && home.is_dir()).then_some(home)
}

fn create_home_elsewhere(folder: &Path) -> Result<PathBuf, PostgresError> {
    let state = Path::new(STATE_FOLDER);
    create_folder(state, 0o755)?;
    let home = state.join(short_name(folder));
    create_folder(&home, 0o711)?;
    let pointer = folder.join(POINTER);
    fs::write(&pointer, format!("{}\n", home.display())).map_err(PostgresError::io("write", &pointer))?;
    Ok(home)
}

fn prepare_home(home: &Path, identity: &Identity) -> Result<(), PostgresError> {
    if home.is_dir() {
        return Ok(());
    }
    create_folder(home, if identity.switches() { 0o711 } else { 0o700 })
}

/// Creates a folder where it is missing, with this mode whatever the umask.
pub(super) fn create_folder(path: &Path, mode: u32) -> Result<(), PostgresError> {
    let mut builder = fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(mode)
        .create(path)
        .map_err(PostgresError::io("create", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(PostgresError::io("set the mode of", path))
}

/// A short name that is the same for a path in every run and every build (FNV-1a; the standard hasher promises
/// neither).
pub(super) fn short_name(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_never_changes() {
        assert_eq!(short_name(Path::new("a")), "af63dc4c8601ec8c");
        assert_ne!(short_name(Path::new("/root/a")), short_name(Path::new("/root/b")));
    }

    #[test]
    fn a_pointer_leads_nowhere_but_into_the_state_folder() {
        let folder = std::env::temp_dir().join(format!("confab-pointer-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(POINTER), "/etc\n").unwrap();
        assert_eq!(read_pointer(&folder), None);
        fs::remove_dir_all(&folder).unwrap();
    }
}
