//! What the product itself calls a fault of its own. Whatever is killed, its errors say that something is away; a statement that was
//! refused, by a key for example, is none of that. Clients can't tell the two apart, and repeat.

use std::path::{Path, PathBuf};

use crate::Failure;
use crate::checker::Violation;

/// How `shared::Error::Internal` begins.
const FAULT: &str = "internal error";

/// Reads the logs.
pub(crate) fn check(files: &[PathBuf]) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    for file in files {
        violations.extend(faults_in(file)?);
    }
    Ok(violations)
}

fn faults_in(file: &Path) -> Result<Vec<Violation>, Failure> {
    // The last word of a process that was killed can end within a character.
    let log = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let log = String::from_utf8_lossy(&log);
    let faults = log.lines().filter(|line| line.contains(FAULT));
    let faults = faults.map(|line| Violation::Internal { line: line.to_owned() });
    Ok(faults.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_the_products_own_is_found_and_a_database_that_is_away_is_none() {
        let file = std::env::temp_dir().join(format!("confab-fault-test-log-{}", std::process::id()));
        let log = "ERROR a frame failed cause=the service is unavailable: the database is away\n\
                   ERROR a frame failed cause=internal error: the constraint messages_seq_key is violated\n";
        std::fs::write(&file, log).unwrap();
        let found = check(std::slice::from_ref(&file));
        std::fs::remove_file(&file).unwrap();
        let found = found.unwrap();
        assert!(
            matches!(&found[..], [Violation::Internal { line }] if line.contains("messages_seq_key")),
            "{found:?}"
        );
    }
}
