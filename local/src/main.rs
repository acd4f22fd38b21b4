//! `cargo run`: Confab on this machine.

use std::error::Error;
use std::io::Write;
use std::panic::{self, PanicHookInfo};
use std::process::ExitCode;

use local::cli::{self, Cli};

fn main() -> ExitCode {
    panic::set_hook(Box::new(report_panic));
    // Before anything else looks at the environment, and while there is one thread.
    let dotenv = dotenvy::dotenv();
    match cli::execute(&Cli::from_environment(), dotenv) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody to tell if this fails too.
            let _ = writeln!(std::io::stderr(), "error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes, but for those that it tells itself.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        next = cause.source();
    }
    told
}

/// Tells where a panic happened and not what it says: that may quote what users wrote.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    let location = location.as_deref().unwrap_or("a place unknown");
    if tracing::dispatcher::has_been_set() {
        tracing::error!(location, "a panic");
    } else {
        // There is nobody to tell if this fails too.
        let _ = writeln!(std::io::stderr(), "error: a panic at {location}");
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use tracing_subscriber::fmt;

    use super::*;

    #[test]
    fn a_panic_is_logged_by_its_place_and_without_its_words() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let log = fmt().with_writer(Arc::new(writer)).with_ansi(false).finish();
        let before = panic::take_hook();
        panic::set_hook(Box::new(report_panic));
        let outcome = tracing::subscriber::with_default(log, || panic::catch_unwind(|| panic!("what {} wrote", "ada")));
        panic::set_hook(before);
        assert!(outcome.is_err());
        let log = io::read_to_string(reader).expect("a log");
        assert!(log.contains(file!()), "{log}");
        assert!(!log.contains("ada") && !log.contains("wrote"), "{log}");
    }
}
