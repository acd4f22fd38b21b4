//! A load generator that speaks Confab's public contract, and so measures any server that has it.
//!
//! - `arguments`: what is measured; `accounts`, `rest`, `socket`, `frame`, `payload`: the contract as a client sees it;
//! - `traffic`, `run`, `client`, `extra`: messages, and what goes on beside them; `schedule`, `ledger`, `latency`: when they are due, who has
//!   them, how long that took; `knee`: the highest rate;
//! - `ping`, `idle`: frames without a database, sockets without frames;
//! - `meter`, `processes`: what it costs; `report`, `progress`: what is told.

mod accounts;
mod arguments;
mod client;
mod extra;
mod frame;
mod idle;
mod knee;
mod latency;
mod ledger;
mod measure;
mod meter;
mod payload;
mod ping;
mod processes;
mod progress;
mod report;
mod rest;
mod run;
mod schedule;
mod socket;
mod traffic;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::{Builder, Runtime};

use arguments::Arguments;
use report::Comparison;

/// Why nothing could be measured: to be printed.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match execute(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::say(&format!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

/// Measures, and tells what came of it.
fn execute(arguments: &Arguments) -> Result<(), Failure> {
    arguments.check()?;
    // Where the workspace is built as one, reqwest is linked with TLS and wants a provider, though nothing here uses TLS; a second call
    // changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let comparison = runtime(arguments.threads)?.block_on(compare(arguments))?;
    if let Some(file) = &arguments.json {
        let document = serde_json::to_string_pretty(&comparison.json(&arguments.settings()))?;
        std::fs::write(file, document + "\n")
            .map_err(|error| format!("{} can't be written: {error}", file.display()))?;
    }
    write!(std::io::stdout(), "{comparison}")?;
    Ok(())
}

/// One thread does all the work, unless more are asked for: on a machine that it shares with the server, more would only take from it.
fn runtime(threads: usize) -> std::io::Result<Runtime> {
    match threads {
        0 | 1 => Builder::new_current_thread().enable_all().build(),
        more => Builder::new_multi_thread().worker_threads(more).enable_all().build(),
    }
}

/// Measures both servers in turn, the one for comparison first.
async fn compare(arguments: &Arguments) -> Result<Comparison, Failure> {
    let other = match arguments.other_target() {
        Some(target) => Some(measure::measure(arguments, &target).await?),
        None => None,
    };
    let server = measure::measure(arguments, &arguments.target()).await?;
    Ok(Comparison { server, other })
}
