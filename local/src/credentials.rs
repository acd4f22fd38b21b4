//! What calls to `@connections` are signed with, where they have to be: the user's own key, or one that is made once and kept.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::gateway::Credentials;
use crate::kept_file;

/// The file's name. What is in it has the form of the AWS SDKs' credentials files, so that a program with an SDK only needs
/// `AWS_SHARED_CREDENTIALS_FILE`.
const NAME: &str = "aws-credentials";

/// How many random bytes a key is made of: 40 characters, as AWS' have.
const KEY_BYTES: usize = 30;

const ID: &str = "aws_access_key_id";
const KEY: &str = "aws_secret_access_key";

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Half of them are set.
    #[error("{set} is set and {missing} is not: set both, or none to have credentials made")]
    Half {
        /// The variable that is set.
        set: &'static str,
        /// The one that goes with it.
        missing: &'static str,
    },
    /// The file can't be read or written.
    #[error("credentials can't be kept in {path}: {error}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file is not one that was made here.
    #[error("{path} lacks {missing}; remove the file to have new credentials made", path = path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// What is not in it.
        missing: &'static str,
    },
}

/// The credentials in the environment that `set` looks into, or else those that are kept in `folder`, made there if there are none.
///
/// # Errors
/// [`CredentialsError`] says what stands in the way.
pub fn find(set: impl Fn(&str) -> Option<String>, folder: &Path) -> Result<Credentials, CredentialsError> {
    let (id, key) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
    match (set(id), set(key)) {
        (Some(access_key_id), Some(secret_access_key)) => Ok(Credentials::new(access_key_id, secret_access_key)),
        (Some(_), None) => Err(CredentialsError::Half { set: id, missing: key }),
        (None, Some(_)) => Err(CredentialsError::Half { set: key, missing: id }),
        (None, None) => load_or_make(folder),
    }
}

fn load_or_make(folder: &Path) -> Result<Credentials, CredentialsError> {
    let path = folder.join(NAME);
    let content = kept_file::load_or_make(folder, NAME, make).map_err(|error| CredentialsError::File {
        path: path.clone(),
        error,
    })?;
    let value = |name| {
        value_of(&content, name).ok_or_else(|| CredentialsError::Incomplete {
            path: path.clone(),
            missing: name,
        })
    };
    let credentials = Credentials::new(value(ID)?, value(KEY)?);
    tracing::info!(path = %path.display(), "calls to @connections are checked against the credentials in this file");
    Ok(credentials)
}

fn make() -> String {
    let id = format!("CONFAB{:014X}", rand::random::<u64>() >> 8);
    let key = STANDARD.encode(rand::random::<[u8; KEY_BYTES]>());
    format!("# Whoever has these may call @connections.\n[default]\n{ID} = {id}\n{KEY} = {key}\n")
}

fn value_of<'a>(content: &'a str, name: &str) -> Option<&'a str> {
    let mut members = content.lines().filter_map(|line| line.split_once('='));
    let (_, value) = members.find(|(key, _)| key.trim() == name)?;
    Some(value.trim()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct TestFolder(PathBuf);

    impl TestFolder {
        fn new() -> Self {
            Self(std::env::temp_dir().join(format!("confab-credentials-{}", uuid::Uuid::new_v4())))
        }
    }

    impl Drop for TestFolder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn credentials_are_made_once_and_are_their_owners_alone() {
        let folder = TestFolder::new();
        let made = find(nothing, &folder.0).unwrap();
        assert_eq!(find(nothing, &folder.0).unwrap(), made);
        let path = folder.0.join(NAME);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let content = std::fs::read_to_string(path).unwrap();
        assert_eq!(value_of(&content, ID).unwrap().len(), 20, "{content}");
        assert_eq!(value_of(&content, KEY).unwrap().len(), 40, "{content}");
        let other = TestFolder::new();
        assert_ne!(find(nothing, &other.0).unwrap(), made);
    }

    #[test]
    fn those_of_the_environment_come_first() {
        let folder = TestFolder::new();
        let found = find(|name| Some(name.to_lowercase()), &folder.0).unwrap();
        assert_eq!(found, Credentials::new(ID, KEY));
        assert!(!folder.0.exists());
    }

    #[test]
    fn half_of_them_are_none() {
        let folder = TestFolder::new();
        for (set, missing) in [
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
            ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
        ] {
            let error = find(|name| (name == set).then(|| "hunter2".to_owned()), &folder.0)
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(&format!("{missing} is not")) && !error.contains("hunter2"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_file_without_them_is_named() {
        let folder = TestFolder::new();
        std::fs::create_dir_all(&folder.0).unwrap();
        std::fs::write(
            folder.0.join(NAME),
            "[default]\naws_access_key_id = x\naws_secret_access_key =\n",
        )
        .unwrap();
        let error = find(nothing, &folder.0).unwrap_err().to_string();
        assert!(error.contains(NAME) && error.contains(KEY), "{error}");
    }
}
