//! The functions' own binaries behind an emulator of Lambda, instead of in the test's process.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use lambda_emulator::{Emulator, Settings};
use local::template::{FunctionDefinition, Template};

use super::JWT_SECRET;

/// How many environments a function may have at once, in one test.
const CONCURRENCY: usize = 64;

/// How long an environment may take to start: far longer than in Lambda: a test starts dozens of processes at once.
const INIT_TIME_LIMIT: Duration = Duration::from_mins(1);

/// Whether the tests run the functions' binaries: `CONFAB_TEST_FUNCTIONS=lambda`.
pub fn in_lambda_mode() -> bool {
    match std::env::var("CONFAB_TEST_FUNCTIONS").as_deref() {
        Err(_) | Ok("" | "local") => false,
        Ok("lambda") => true,
        Ok(other) => panic!("CONFAB_TEST_FUNCTIONS is {other:?}, but must be local (the default) or lambda"),
    }
}

/// Whether this test is about what only functions in the gateway's process have, and so does not run now. It says so.
#[must_use]
#[expect(clippy::print_stdout, reason = "what is not tested is said")]
pub fn only_in_process(reason: &str) -> bool {
    let skip = in_lambda_mode();
    if skip {
        println!("not run in Lambda mode: {reason}");
    }
    skip
}

/// In Lambda mode, all functions of the template for the gateway at `address`. Each has the variables that the template gives it and no
/// other, so that a test shows what is missing there; and those that the test sets.
pub(super) async fn emulator(template: &Path, address: &str, database_url: &str, set: &Variables) -> Option<Emulator> {
    if !in_lambda_mode() {
        return None;
    }
    show_logs();
    let template = Template::parse(&std::fs::read_to_string(template).unwrap()).unwrap();
    let parameters = [
        ("DATABASE_URL", database_url.to_owned()),
        ("JWT_SECRET", JWT_SECRET.to_owned()),
        ("WEBSOCKET_CALLBACK_URL", format!("http://{address}/ws")),
    ];
    let parameters = BTreeMap::from(parameters);
    let functions = template.functions.iter().map(|function| Settings {
        name: function.name.clone(),
        program: binary(&function.name),
        variables: variables(function, &parameters, set),
        init_time_limit: INIT_TIME_LIMIT,
        time_limit: function.timeout,
        concurrency: CONCURRENCY,
    });
    Some(Emulator::start(functions).await.unwrap())
}

type Variables = HashMap<&'static str, String>;

fn variables(
    function: &FunctionDefinition,
    parameters: &BTreeMap<&str, String>,
    set: &Variables,
) -> Vec<(String, String)> {
    let set = set.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    function.variables(parameters).into_iter().chain(set).collect()
}

/// The binary of a function, which `cargo build --workspace --all-targets` puts beside that of `local`.
fn binary(function: &str) -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_local")).with_file_name(function);
    assert!(
        binary.exists(),
        "{} is missing: run `cargo build --workspace --all-targets` before the tests in Lambda mode",
        binary.display()
    );
    binary
}

/// What the functions write is shown where a test fails.
fn show_logs() {
    static SHOW: Once = Once::new();
    SHOW.call_once(|| tracing_subscriber::fmt().with_test_writer().without_time().init());
}
