//! The functions' own binaries, behind an emulator of Lambda, which replaces those that are killed.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use lambda_emulator::{Emulator, INIT_TIME_LIMIT, Settings};
use local::template::{FunctionDefinition, Template};
use tokio::time::sleep;

use crate::Failure;
use crate::gateway::{JWT_SECRET, TEMPLATE, product};

/// How many environments a function may have at once.
const CONCURRENCY: usize = 64;

/// For how many moments a process may work before it is killed at the latest: a short invocation takes a few, one that waits for the
/// database more.
const MOMENTS: usize = 16;

/// How often it is looked who works.
const MOMENT: Duration = Duration::from_millis(1);

/// After how many moments nobody works any more: everything else is broken, too.
const PATIENCE: usize = 2_000;

/// All functions of the template.
pub(crate) struct Functions {
    emulator: Emulator,
    log_file: PathBuf,
    /// How many processes of each function were killed.
    killed: BTreeMap<String, u64>,
}

impl Functions {
    /// Has them ready for a gateway. What they log goes to `folder`.
    pub(crate) async fn start(folder: &Path, gateway: SocketAddr, database_url: &str) -> Result<Self, Failure> {
        let log_file = folder.join("functions.log");
        let log = Mutex::new(File::create(&log_file)?);
        tracing_subscriber::fmt().with_writer(log).with_ansi(false).try_init()?;
        let set = BTreeMap::from([
            ("DATABASE_URL", database_url.to_owned()),
            ("JWT_SECRET", JWT_SECRET.to_owned()),
            ("WEBSOCKET_CALLBACK_URL", format!("http://{gateway}/ws")),
        ]);
        let template = Template::parse(&std::fs::read_to_string(TEMPLATE)?)?;
        let functions = template.functions.iter().map(|function| settings(function, &set));
        let functions: Vec<_> = functions.collect::<Result<_, Failure>>()?;
        Ok(Self {
            emulator: Emulator::start(functions).await?,
            log_file,
            killed: BTreeMap::new(),
        })
    }

    /// Where the Invoke API is.
    pub(crate) fn url(&self) -> &str {
        self.emulator.url()
    }

    /// What they log to.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.log_file.clone()
    }

    /// How many processes of each function were killed.
    pub(crate) fn killed(&self) -> &BTreeMap<String, u64> {
        &self.killed
    }

    /// Kills a process in the middle of its work. It is waited for, as most of the time none works; and then for some moments more, as
    /// otherwise all would die at the beginning.
    pub(crate) async fn kill_one(&mut self, pick: usize) -> Result<(), Failure> {
        let mut seen = 0;
        for _ in 0..PATIENCE {
            if !self.emulator.is_idle() {
                seen += 1;
            }
            if seen > pick % MOMENTS
                && let Some(name) = self.emulator.kill_at_work(pick / MOMENTS)
            {
                *self.killed.entry(name.to_owned()).or_default() += 1;
                return Ok(());
            }
            sleep(MOMENT).await;
        }
        Err("no function works".into())
    }
}

fn settings(function: &FunctionDefinition, set: &BTreeMap<&str, String>) -> Result<Settings, Failure> {
    Ok(Settings {
        name: function.name.clone(),
        program: product(&function.name)?,
        variables: function.variables(set),
        init_time_limit: INIT_TIME_LIMIT,
        time_limit: function.timeout,
        concurrency: CONCURRENCY,
    })
}
