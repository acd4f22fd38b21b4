//! The environment of functions in other processes, as a file that `cargo lambda watch --env-file` reads and a shell too.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::kept_file;

/// The name of the file.
const NAME: &str = "functions.env";

/// Writes `variables` to a file in `folder`, in place of an older one. Only its owner can read it, as it holds secrets.
///
/// # Errors
/// Where it can't be written, or a value can't stand in such a file.
pub(crate) fn write(folder: &Path, variables: &BTreeMap<String, String>) -> io::Result<PathBuf> {
    kept_file::replace(folder, NAME, &text_of(variables)?)
}

fn text_of(variables: &BTreeMap<String, String>) -> io::Result<String> {
    let line = |(name, value): (&String, &String)| match quote(value) {
        Some(quoted) => Ok(format!("{name}={quoted}\n")),
        None => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "{name} has a line break, or both kinds of quotes, or ' together with $, ` or \\: set it without those"
            ),
        )),
    };
    variables.iter().map(line).collect()
}

/// The value in quotes within which neither reader changes anything.
fn quote(value: &str) -> Option<String> {
    let special_in = |characters: &[char]| value.contains(characters) || value.contains("\\n");
    if !special_in(&['\'', '\n']) {
        Some(format!("'{value}'"))
    } else if !special_in(&['"', '\n', '$', '`', '\\']) {
        Some(format!("\"{value}\""))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    fn one(value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("NAME".to_owned(), value.to_owned())])
    }

    #[test]
    fn a_shell_reads_every_value_as_it_was() {
        for value in [
            "",
            "plain",
            "a b=c#d",
            "$HOME `x` \\ \"q\"",
            "it's",
            "postgres://u:p%20@h/db?host=/a b",
        ] {
            let script = format!("{}printf %s \"$NAME\"", text_of(&one(value)).unwrap());
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
        }
    }

    #[test]
    fn a_value_that_would_be_read_as_another_is_refused_by_its_name() {
        for value in [
            "two\nlines",
            "both ' and \"",
            "it's $HOME",
            "a \\n that cargo-lambda takes for a line break",
        ] {
            let error = text_of(&one(value)).unwrap_err().to_string();
            assert!(error.starts_with("NAME ") && !error.contains(value), "{error}");
        }
    }

    #[test]
    fn the_file_is_its_owners_alone_and_the_only_one() {
        let folder = std::env::temp_dir().join(format!("confab-env-file-{}", uuid::Uuid::new_v4()));
        write(&folder, &one("old")).unwrap();
        let path = write(&folder, &one("new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "NAME='new'\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_file_that_can_not_be_written_leaves_no_draft() {
        let folder = std::env::temp_dir().join(format!("confab-env-file-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(folder.join(NAME)).unwrap();
        write(&folder, &one("a secret")).unwrap_err();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }
}
