//! What is told on the standard error stream while it runs.

use std::io::Write;

/// A line.
pub(crate) fn say(line: &str) {
    // Nobody may be listening, which is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// How far a preparation is: for so many of so many, told at every hundredth and in the end.
pub(crate) fn prepared(done: usize, count: usize, what: &str) {
    if done == count || done.is_multiple_of(100) {
        say(&format!("{done} of {count} {what}"));
    }
}
