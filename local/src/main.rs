//! `cargo run`: Confab on this machine.

use std::io::Write;
use std::process::ExitCode;

use local::cli::{self, Cli};

fn main() -> ExitCode {
    // Before anything else looks at the environment, and while there is one thread.
    let dotenv = dotenvy::dotenv();
    match cli::execute(&Cli::from_environment(), dotenv) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody to tell if this fails too.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
