//! The program itself, with small databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

/// Runs it, and returns how it ended and what it said.
fn compare(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_page-costs"))
        .args(["--small", "4000", "--large", "60000"])
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said.into_owned())
}

#[test]
fn a_page_of_each_list_costs_the_same_in_a_small_and_a_large_database() {
    let (code, said) = compare(&[]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn an_index_that_is_missing_is_noticed() {
    for index in ["members_user_id", "milestones_created_at"] {
        let (code, said) = compare(&["--without", index]);
        assert_eq!(code, Some(1), "without {index}: {said}");
        assert!(said.contains("DIFFERENT"), "{said}");
    }
}
