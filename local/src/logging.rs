//! Log lines on standard error: for people, or as JSON.

use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging what `filter` lets through, in the syntax `info,local=debug`; without one, `info` and above.
///
/// # Errors
/// [`ParseError`] where the filter can't be read.
pub fn start(filter: Option<&str>, format: Format) -> Result<(), ParseError> {
    let targets = match filter {
        Some(filter) => filter.parse()?,
        None => Targets::new().with_default(LevelFilter::INFO),
    };
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        Format::Text => lines.boxed(),
        Format::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(targets)).init();
    Ok(())
}
