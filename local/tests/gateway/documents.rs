//! The document that compares `local` with API Gateway names tests, which must exist.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

const TABLES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/gateway.md"));

/// The column that names tests.
const TEST_COLUMN: usize = 2;

#[test]
fn every_row_of_the_gateways_tables_names_tests_that_exist() {
    let tests = tests_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let mut rows = 0;
    for row in TABLES.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        if matches!(cells[0], "API Gateway" | "---") {
            continue;
        }
        assert_eq!(cells.len(), 4, "{row}");
        rows += 1;
        let named: Vec<&str> = cells[TEST_COLUMN].split('`').skip(1).step_by(2).collect();
        let is_left_out = cells[1].starts_with("no");
        assert!(!named.is_empty() || is_left_out, "no test is named: {row}");
        for name in named {
            assert!(tests.contains(name), "there is no test {name}: {row}");
        }
    }
    assert!(rows > 50, "{rows} rows");
}

/// The names of all functions that are marked as tests in the packages' sources.
fn tests_in(workspace: &Path) -> HashSet<String> {
    let mut tests = HashSet::new();
    let mut folders: Vec<PathBuf> = ["local", "shared", "functions"]
        .map(|package| workspace.join(package))
        .into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                tests.extend(tests_of(&fs::read_to_string(&path).expect("a source")));
            }
        }
    }
    tests
}

fn tests_of(source: &str) -> Vec<String> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let is_test = |line: &&str| matches!(*line, "#[test]" | "#[tokio::test]") || line.starts_with("#[tokio::test(");
    let marked = lines.iter().enumerate().filter(|(_, line)| is_test(line));
    marked
        .filter_map(|(index, _)| {
            let signature = lines[index..].iter().find_map(|line| line.split_once("fn "))?.1;
            Some(signature.split('(').next()?.to_owned())
        })
        .collect()
}
