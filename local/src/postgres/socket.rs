//! The folder of the server's socket, which is all that keeps other users out: mode 0700 and nobody else's.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{DirBuilderExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use super::{
    error::PostgresError,
    identity::Identity,
    location::{create_folder, short_name},
};

/// A socket's path may have 107 bytes on Linux and 103 on macOS; the server adds `/.s.PGSQL.` and a port.
const LONGEST_FOLDER: usize = 103 - "/.s.PGSQL.65535".len();

/// Creates the folder for the socket of the cluster in `home`, or makes sure that an existing one is safe.
pub(super) fn prepare_folder(home: &Path, identity: &Identity) -> Result<PathBuf, PostgresError> {
    let inside = home.join("socket");
    if fits(&inside) {
        create_folder(&inside, 0o700)?;
        identity.own(&inside)?;
        return Ok(inside);
    }
    let outside = temporary_folder(identity).join(format!("confab-{}-{}", identity.uid(), short_name(home)));
    claim(&outside, identity)?;
    Ok(outside)
}

fn fits(folder: &Path) -> bool {
    folder.as_os_str().len() <= LONGEST_FOLDER
}

/// `/tmp` where our own temporary folder is too deep, or maybe closed to the user that we switch to.
fn temporary_folder(identity: &Identity) -> PathBuf {
    let own = std::env::temp_dir();
    let name = "/confab-4294967295-0123456789abcdef".len();
    if identity.switches() || own.as_os_str().len() + name > LONGEST_FOLDER {
        PathBuf::from("/tmp")
    } else {
        own
    }
}

/// Takes a folder in a place where everybody may create one: an existing one must be ours and closed to others.
fn claim(folder: &Path, identity: &Identity) -> Result<(), PostgresError> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => return identity.own(folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(source) => {
            return Err(PostgresError::Io {
                action: "create",
                path: folder.to_owned(),
                source,
            });
        }
    }
    let metadata = fs::symlink_metadata(folder).map_err(PostgresError::io("examine", folder))?;
    refusal(&metadata, identity).map_or(Ok(()), |reason| {
        Err(PostgresError::SocketFolder {
            path: folder.to_owned(),
            reason,
        })
    })
}

fn refusal(metadata: &fs::Metadata, identity: &Identity) -> Option<&'static str> {
    if !metadata.is_dir() {
        return Some("it is not a folder");
    }
    if metadata.uid() != identity.uid() {
        return Some("it belongs to another user");
    }
    (metadata.mode() & 0o077 != 0).then_some("it is open to other users")
}

/// The value of `unix_socket_directories`, which is a list with its own quoting.
pub(super) fn quoted(folder: &Path) -> OsString {
    let mut value = vec![b'"'];
    for byte in folder.as_os_str().as_bytes() {
        value.extend_from_slice(if *byte == b'"' {
            b"\"\""
        } else {
            std::slice::from_ref(byte)
        });
    }
    value.push(b'"');
    OsString::from_vec(value)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("confab-socket-{name}-{}", std::process::id()))
    }

    #[test]
    fn a_quote_in_a_path_is_doubled() {
        assert_eq!(quoted(Path::new("/a\"b, c")), "\"/a\"\"b, c\"");
    }

    #[test]
    fn a_path_of_107_bytes_at_most_fits() {
        assert!(fits(Path::new(&"x".repeat(LONGEST_FOLDER))));
        assert!(!fits(Path::new(&"x".repeat(LONGEST_FOLDER + 1))));
    }

    #[test]
    fn a_symlink_in_the_temporary_folder_is_refused() {
        let (path, identity) = (scratch("symlink"), Identity::new().unwrap());
        std::os::unix::fs::symlink("/etc", &path).unwrap();
        let error = claim(&path, &identity).unwrap_err();
        fs::remove_file(&path).unwrap();
        assert!(
            matches!(
                error,
                PostgresError::SocketFolder {
                    reason: "it is not a folder",
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_folder_open_to_others_is_refused() {
        let (path, identity) = (scratch("open"), Identity::new().unwrap());
        claim(&path, &identity).unwrap();
        claim(&path, &identity).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let error = claim(&path, &identity).unwrap_err();
        fs::remove_dir(&path).unwrap();
        assert!(
            matches!(
                error,
                PostgresError::SocketFolder {
                    reason: "it is open to other users",
                    ..
                }
            ),
            "{error}"
        );
    }
}
