//! Kills Confab's parts at random while clients use it, and holds what the clients know in the end against the database and each other.
//!
//! - `plan`: what happens, drawn from the seed;
//! - `world`, `gateway`, `functions`, `proxy`: what is broken; `device`, `socket`, `rest`, `frame`: who uses it;
//! - `replica`, `journal`: what a device knows and was told; `witness`: what the database had when it was told; `truth`: what it has
//!   in the end; `guards`: what it refuses; `logs`: what the product says; `checker`: whether all that agrees.

mod checker;
mod device;
mod frame;
mod functions;
mod gateway;
mod guards;
mod journal;
mod logs;
mod plan;
mod proxy;
mod replica;
mod rest;
mod run;
mod socket;
mod summary;
mod truth;
mod witness;
mod world;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use run::Size;
use world::World;

/// Why a run could not be made: to be printed.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Kills Confab's parts at random while clients use it, and checks that nothing acknowledged is lost or doubled, that no number is
/// skipped, and that all devices agree. Ends with 0 if that is so.
#[derive(Debug, Parser)]
struct Arguments {
    /// The seed that everything is drawn from [default: a random one, which is printed].
    #[arg(long)]
    seed: Option<u64>,
    /// For how many seconds things break.
    #[arg(long, default_value_t = 60)]
    secs: u64,
    /// How many users there are.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(3..=100))]
    users: u8,
    /// How many devices each of them has.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    devices: u8,
    /// Runs the functions as processes of their own behind an emulator of Lambda, and kills those, too.
    #[arg(long)]
    lambda: bool,
    /// Leaves the folder with the database and the logs where it is.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match execute(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether everything is as it must be.
async fn execute(arguments: &Arguments) -> Result<bool, Failure> {
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let size = Size {
        seed,
        time: Duration::from_secs(arguments.secs),
        users: arguments.users.into(),
        devices: arguments.devices.into(),
    };
    let folder = std::env::temp_dir().join(format!("confab-fault-test-{}", std::process::id()));
    writeln!(std::io::stdout(), "seed {seed}, in {}", folder.display())?;

    // Linked with TLS for the download of Postgres, the client wants a provider though nothing here uses TLS; a second call changes
    // nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::new();
    let mut world = World::start(&folder, http.clone(), arguments.lambda).await?;
    let summary = Box::pin(run::run(&mut world, http, size)).await;
    world.stop(arguments.keep).await?;
    let summary = summary?;
    write!(std::io::stdout(), "{summary}")?;
    Ok(summary.violations.is_empty())
}
