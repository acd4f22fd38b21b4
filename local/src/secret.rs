//! A signing key for who sets none: made once and kept.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How many random bytes a key is made of.
const RANDOM_BYTES: usize = 48;

/// The key that is kept in `folder`, made there if there is none. Only its owner can read the file.
///
/// # Errors
/// Where the file can't be read or written.
pub fn load_or_make(folder: &Path) -> io::Result<String> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join("jwt-secret");
    let key = STANDARD.encode(rand::random::<[u8; RANDOM_BYTES]>());
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            file.write_all(key.as_bytes())?;
            Ok(key)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => std::fs::read_to_string(&path),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let folder = std::env::temp_dir().join(format!("confab-secret-{}", uuid::Uuid::new_v4()));
        let key = load_or_make(&folder).unwrap();
        assert_eq!(load_or_make(&folder).unwrap(), key);
        assert_eq!(STANDARD.decode(&key).unwrap().len(), RANDOM_BYTES);
        let mode = std::fs::metadata(folder.join("jwt-secret"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
