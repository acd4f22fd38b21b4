//! The functions' binaries.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use local::template::FunctionDefinition;

use crate::Failure;

/// What an archive adds to its only file, which is called `bootstrap`: two headers and the end of the directory, in bytes.
const ZIP_OVERHEAD: u64 = 30 + 46 + 22 + 2 * 9;

/// Builds the binaries and returns their folder.
pub(crate) fn build(repository: &Path, functions: &[FunctionDefinition], profile: &str) -> Result<PathBuf, Failure> {
    let mut cargo = Command::new("cargo");
    let status = cargo
        .args(["build", "--workspace", "--features", "lambda", "--locked"])
        .args(["--profile", profile])
        .args(functions.iter().flat_map(|function| ["--bin", &function.name]))
        .current_dir(repository)
        .status()?;
    if !status.success() {
        return Err(format!("the functions can't be built: cargo ended with {status}").into());
    }
    Ok(repository.join("target").join(profile))
}

/// How large a function is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Its binary.
    pub(crate) binary: u64,
    /// The deployment package with that binary alone.
    pub(crate) zip: u64,
}

impl Size {
    pub(crate) fn of(program: &Path) -> Result<Self, Failure> {
        let executable = fs::read(program).map_err(|error| format!("{} can't be read: {error}", program.display()))?;
        Ok(Self {
            binary: u64::try_from(executable.len())?,
            zip: zipped(&executable)?,
        })
    }
}

fn zipped(executable: &[u8]) -> io::Result<u64> {
    let mut encoder = DeflateEncoder::new(io::sink(), Compression::default());
    encoder.write_all(executable)?;
    encoder.try_finish()?;
    Ok(encoder.total_out() + ZIP_OVERHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_the_compressed_binary_and_the_directory() {
        // An empty file deflates to two bytes.
        assert_eq!(zipped(&[]).unwrap(), ZIP_OVERHEAD + 2);
        assert!(zipped(&[0; 10_000]).unwrap() < 200);
    }

    #[test]
    fn a_binary_that_is_missing_is_named() {
        let error = Size::of(Path::new("/nowhere/bootstrap")).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/bootstrap can't be read"), "{error}");
    }
}
