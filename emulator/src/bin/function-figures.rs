//! What the deployed functions cost at their start: builds them as they are deployed, starts each a number of times as Lambda does, and
//! holds the figures against the targets.
//!
//! `cargo run -p lambda-emulator --bin function-figures -- --help`

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::Parser;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use lambda_emulator::{Environment, Settings};
use serde_json::{Value, json};

/// From the start of the process to its first question for an invocation.
const START_TARGET: Duration = Duration::from_millis(10);
/// Resident memory, in bytes.
const MEMORY_TARGET: u64 = 20_000_000;
/// The deployment package, in bytes.
const ZIP_TARGET: u64 = 4_000_000;

/// What an archive adds to its only file, which is called `bootstrap`: two headers and the end of the directory, in bytes.
const ZIP_OVERHEAD: u64 = 30 + 46 + 22 + 2 * 9;

/// Builds all functions and measures their start, memory and size.
#[derive(Debug, Parser)]
struct Options {
    /// The profile they are built with: `release` is what is deployed, `ci` much quicker to build.
    #[arg(long, default_value = "release")]
    profile: String,
    /// A folder with the binaries, which are not built then.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// How often each is started.
    #[arg(long, default_value_t = 20)]
    runs: usize,
}

/// The figures of one function.
struct Figures {
    name: String,
    start: Duration,
    memory_at_start: u64,
    /// `None` where no invocation was tried.
    memory_after_invocation: Option<u64>,
    binary: u64,
    zip: u64,
}

type AnyError = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, AnyError> {
    let options = Options::parse();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let names = functions(&repository)?;
    let folder = match options.folder {
        Some(folder) => folder,
        None => build(&repository, &names, &options.profile)?,
    };
    let mut out = io::stdout();
    writeln!(
        out,
        "function       start     memory at start  after a call  binary    zip"
    )?;
    let mut missed = 0;
    for name in names {
        let figures = measure(&name, &folder.join(&name), options.runs).await?;
        writeln!(out, "{}", figures.line())?;
        missed += figures.missed_targets();
    }
    writeln!(
        out,
        "targets        <= 10 ms  < 20 MB          < 20 MB       -         < 4 MB: {missed} missed"
    )?;
    Ok(if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Builds the binaries and returns their folder.
fn build(repository: &Path, names: &[String], profile: &str) -> Result<PathBuf, AnyError> {
    let mut cargo = Command::new("cargo");
    let status = cargo
        .args([
            "build",
            "--workspace",
            "--features",
            "lambda",
            "--locked",
            "--profile",
            profile,
        ])
        .args(names.iter().flat_map(|name| ["--bin", name]))
        .current_dir(repository)
        .status()?;
    if !status.success() {
        return Err(format!("the functions can't be built: cargo ended with {status}").into());
    }
    Ok(repository.join("target").join(profile))
}

/// The names of the functions' packages.
fn functions(repository: &Path) -> Result<Vec<String>, AnyError> {
    let entries = fs::read_dir(repository.join("functions"))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect::<io::Result<_>>()?;
    names.sort();
    Ok(names)
}

async fn measure(name: &str, program: &Path, runs: usize) -> Result<Figures, AnyError> {
    let settings = settings(name, program);
    let mut starts = Vec::with_capacity(runs);
    for _ in 0..runs.max(1) {
        starts.push(start(&settings).await?.1);
    }
    starts.sort();
    let (mut environment, _) = start(&settings).await?;
    let memory_at_start = resident_memory(environment.process_id())?;
    let memory_after_invocation = match event(name) {
        Some(event) => Some(memory_after(&mut environment, &event).await?),
        None => None,
    };
    let executable = fs::read(program)?;
    Ok(Figures {
        name: name.to_owned(),
        start: starts[starts.len() / 2],
        memory_at_start,
        memory_after_invocation,
        binary: u64::try_from(executable.len())?,
        zip: zipped(&executable)?,
    })
}

/// Has the function handle an event.
async fn memory_after(environment: &mut Environment, event: &Value) -> Result<u64, AnyError> {
    let answer = environment.invoke(event.to_string().into()).await;
    if answer.is_error {
        return Err(format!("an invocation failed: {}", String::from_utf8_lossy(&answer.payload)).into());
    }
    environment.settle().await;
    resident_memory(environment.process_id())
}

/// Starts a function and measures how long it takes to ask for its first invocation.
async fn start(settings: &Settings) -> Result<(Environment, Duration), AnyError> {
    let begin = Instant::now();
    let mut environment = Environment::launch(settings).await?;
    if !environment.is_ready().await {
        return Err(format!("{} did not start: see what it writes with RUST_LOG=info", settings.name).into());
    }
    Ok((environment, begin.elapsed()))
}

/// The environment that the template gives a function, with addresses at which nobody is.
fn settings(name: &str, program: &Path) -> Settings {
    let variables = [
        (
            "DATABASE_URL",
            "postgres://confab:secret@127.0.0.1:9/confab?sslmode=verify-full",
        ),
        ("DATABASE_STATEMENTS", "unnamed"),
        ("JWT_SECRET", "a secret for measurements, 32 bytes or more"),
        (
            "WEBSOCKET_CALLBACK_URL",
            "https://example.execute-api.eu-central-1.amazonaws.com/ws",
        ),
        ("AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH", "true"),
        ("RUST_LOG", "error"),
    ];
    Settings {
        name: name.to_owned(),
        program: program.to_owned(),
        variables: variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        time_limit: Duration::from_secs(28),
        concurrency: 1,
    }
}

/// An event of the kind that the function takes, from somebody unknown; `migrate` takes its own from `CloudFormation`, which it would
/// have to answer.
fn event(function: &str) -> Option<Value> {
    if function == "migrate" {
        return None;
    }
    if function.starts_with("ws-") {
        return Some(json!({
            "requestContext": {"connectionId": "AbCdEfGhIjKlMno=", "connectedAt": 0, "requestId": "r", "stage": "ws"},
            "headers": {}, "multiValueHeaders": {}, "isBase64Encoded": false, "body": "not JSON",
        }));
    }
    Some(json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": "", "headers": {},
        "requestContext": {
            "accountId": "1", "apiId": "a", "requestId": "r", "stage": "$default", "time": "", "timeEpoch": 0,
            "http": {"method": "GET", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": ""},
        },
        "isBase64Encoded": false,
    }))
}

/// In bytes.
fn resident_memory(process: u32) -> Result<u64, AnyError> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes: u64 = line
        .and_then(|line| line.split_whitespace().next())
        .unwrap_or_default()
        .parse()?;
    Ok(kibibytes * 1024)
}

/// The size of an archive with this file alone.
fn zipped(executable: &[u8]) -> io::Result<u64> {
    let mut encoder = DeflateEncoder::new(io::sink(), Compression::default());
    encoder.write_all(executable)?;
    encoder.try_finish()?;
    Ok(encoder.total_out() + ZIP_OVERHEAD)
}

impl Figures {
    fn missed_targets(&self) -> usize {
        let missed = [
            self.start > START_TARGET,
            self.memory_at_start >= MEMORY_TARGET,
            self.memory_after_invocation
                .is_some_and(|memory| memory >= MEMORY_TARGET),
            self.zip >= ZIP_TARGET,
        ];
        missed.into_iter().filter(|is_missed| *is_missed).count()
    }

    fn line(&self) -> String {
        format!(
            "{:<13} {:>5}.{} ms  {:>12}     {:>12}  {:>8}  {:>8}",
            self.name,
            self.start.as_millis(),
            self.start.as_micros() % 1000 / 100,
            megabytes(self.memory_at_start),
            self.memory_after_invocation.map(megabytes).unwrap_or_default(),
            megabytes(self.binary),
            megabytes(self.zip),
        )
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}
