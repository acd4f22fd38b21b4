//! What the deployed functions cost: builds them as they are deployed, has each start and handle real events as on Lambda, against a real
//! Postgres, and holds the figures against the targets.
//!
//! - `programs`: building, sizes; `database`: a Postgres with passwords and TLS; `aws`: what the functions call; `people`: users with messages;
//! - `events`: what each function is given, and what has to come of it; `measure`: starting and invoking; `process`: what a process used;
//! - `figures`, `sample`, `table`: the figures, the targets, what is told.

mod aws;
mod database;
mod events;
mod figures;
mod measure;
mod people;
mod process;
mod programs;
mod sample;
mod table;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use local::template::Template;
use tracing_subscriber::filter::LevelFilter;

use aws::Aws;
use database::Databases;
use measure::Stage;
use people::People;

/// Why nothing could be measured: to be printed.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures the start, the first and the following invocations, memory and size of all functions. Ends with 0 where all targets are met,
/// with 1 where one is missed, with 2 where it could not measure.
#[derive(Debug, Parser)]
struct Options {
    /// The profile the functions are built with: `release` is what is deployed, `ci` much quicker to build.
    #[arg(long, default_value = "release")]
    profile: String,
    /// A folder with the functions' binaries, which are not built then.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Measures this function only. Can be given several times.
    #[arg(long)]
    function: Vec<String>,
    /// How often each is started, for each way to connect.
    #[arg(long, default_value_t = 20, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    runs: usize,
    /// How many invocations follow the first one.
    #[arg(long, default_value_t = 50, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    warm: usize,
    /// An empty database to use, which is migrated and filled. Without it an embedded Postgres is started, which the functions reach over
    /// TCP with a password, with TLS and without.
    #[arg(long)]
    database_url: Option<String>,
    /// The way to the same database past a pooler, for migrating and filling it.
    #[arg(long, requires = "database_url")]
    database_direct_url: Option<String>,
    /// Shows what the functions log.
    #[arg(long)]
    logs: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match execute(Options::parse()).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Returns how many targets are missed.
async fn execute(options: Options) -> Result<usize, Failure> {
    start_logging(options.logs)?;
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut template = Template::parse(&fs::read_to_string(repository.join("template.yaml"))?)?;
    if let Some(unknown) = unknown(&template, &options.function) {
        return Err(format!("the template has no function {unknown}").into());
    }
    template
        .functions
        .retain(|function| options.function.is_empty() || options.function.contains(&function.name));
    let folder = match &options.folder {
        Some(folder) => folder.clone(),
        None => programs::build(&repository, &template.functions, &options.profile)?,
    };
    let databases = Databases::open(options.database_url.as_deref(), options.database_direct_url.as_deref()).await?;
    let missed = Box::pin(measure_all(&options, &template, folder, &databases)).await;
    databases.close().await?;
    missed
}

async fn measure_all(
    options: &Options,
    template: &Template,
    folder: PathBuf,
    databases: &Databases,
) -> Result<usize, Failure> {
    let stage = Stage {
        folder,
        runs: options.runs,
        warm: options.warm,
        ways: databases.ways(),
        people: People::gather(databases.own_way()).await?,
        aws: Aws::start().await?,
    };
    let mut out = io::stdout();
    writeln!(out, "{}", table::head(stage.ways))?;
    let mut missed = 0;
    for function in &template.functions {
        let figures = stage.measure(function).await?;
        writeln!(out, "{}", table::line(&figures))?;
        missed += figures.missed_targets();
    }
    writeln!(out, "{}\n{missed} missed", table::targets(stage.ways))?;
    Ok(missed)
}

fn unknown<'a>(template: &Template, names: &'a [String]) -> Option<&'a str> {
    let is_known = |name: &str| template.functions.iter().any(|function| function.name == name);
    names.iter().map(String::as_str).find(|name| !is_known(name))
}

fn start_logging(of_functions: bool) -> Result<(), Failure> {
    let level = if of_functions {
        LevelFilter::INFO
    } else {
        LevelFilter::ERROR
    };
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(level)
        .try_init()
}
