//! A signing key for who sets none: made once and kept.

use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shared::crypto::JwtSecret;

use crate::kept_file;

/// The file's name.
const NAME: &str = "jwt-secret";

/// How many random bytes a key is made of.
const RANDOM_BYTES: usize = 48;

/// The key that is kept in `folder`, made there if there is none. Only its owner can read the file.
///
/// # Errors
/// Where the file can't be read or written, or holds no key that is good for anything.
pub fn load_or_make(folder: &Path) -> io::Result<String> {
    let key = kept_file::load_or_make(folder, NAME, || STANDARD.encode(rand::random::<[u8; RANDOM_BYTES]>()))?;
    match JwtSecret::parse(&key) {
        Ok(_) => Ok(key),
        Err(reason) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the key in {} {reason}", folder.join(NAME).display()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use std::thread;

    use super::*;

    struct TestFolder(PathBuf);

    impl TestFolder {
        fn new() -> Self {
            Self(std::env::temp_dir().join(format!("confab-secret-{}", uuid::Uuid::new_v4())))
        }

        fn names(&self) -> Vec<String> {
            let entries = std::fs::read_dir(&self.0).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        }
    }

    impl Drop for TestFolder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let folder = TestFolder::new();
        let key = load_or_make(&folder.0).unwrap();
        assert_eq!(load_or_make(&folder.0).unwrap(), key);
        assert_eq!(STANDARD.decode(&key).unwrap().len(), RANDOM_BYTES);
        let metadata = std::fs::metadata(folder.0.join("jwt-secret")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.names(), ["jwt-secret"]);
    }

    #[test]
    fn all_who_make_one_at_once_have_the_same() {
        let folder = TestFolder::new();
        let keys: BTreeSet<String> = thread::scope(|scope| {
            let makers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| load_or_make(&folder.0).unwrap()))
                .collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert_eq!(keys.len(), 1);
        assert_eq!(folder.names(), ["jwt-secret"]);
    }

    #[test]
    fn a_key_that_is_empty_or_too_short_is_an_error_that_names_the_file_and_not_the_key() {
        let folder = TestFolder::new();
        std::fs::create_dir_all(&folder.0).unwrap();
        let path = folder.0.join("jwt-secret");
        for short in ["", "\n", "short and secret"] {
            std::fs::write(&path, short).unwrap();
            let error = load_or_make(&folder.0).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
            assert!(!error.contains("short and secret"), "{error}");
            assert_eq!(
                std::fs::read_to_string(&path).unwrap(),
                short,
                "it is left for its owner to look at"
            );
        }
    }

    #[test]
    fn a_folder_that_can_not_be_written_to_is_an_error() {
        let folder = TestFolder::new();
        std::fs::create_dir_all(&folder.0).unwrap();
        let file = folder.0.join("a file");
        std::fs::write(&file, "").unwrap();
        assert!(load_or_make(&file).is_err());
    }
}
