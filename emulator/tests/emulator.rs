//! The emulator treats a function as Lambda does, shown with a function that does what it is told.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use lambda_emulator::{Emulator, INIT_TIME_LIMIT, Settings};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Response;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// How long anything may take before a test fails: far more than it ever takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A program in `examples/`, which `cargo test` builds with the tests.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join(name);
    assert!(
        program.exists(),
        "{} is missing: `cargo build --examples` makes it",
        program.display()
    );
    program
}

fn toy() -> Settings {
    Settings {
        name: "toy".to_owned(),
        program: example("toy_function"),
        variables: Vec::new(),
        init_time_limit: INIT_TIME_LIMIT,
        time_limit: Duration::from_mins(1),
        concurrency: 2,
    }
}

async fn invoke(emulator: &Emulator, event: Value) -> Response {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = format!("{}/2015-03-31/functions/toy/invocations", emulator.url());
    reqwest::Client::new().post(url).json(&event).send().await.unwrap()
}

/// The id of the process that answered.
async fn process_of(response: Response) -> u32 {
    assert_eq!(response.headers().get("x-amz-function-error"), None, "{response:?}");
    let answer: Value = response.json().await.unwrap();
    u32::try_from(answer["process"].as_u64().unwrap()).unwrap()
}

/// The type of what failed.
async fn error_of(response: Response) -> String {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-amz-function-error"], "Unhandled");
    let error: Value = response.json().await.unwrap();
    error["errorType"].as_str().unwrap().to_owned()
}

async fn eventually(what: &str, is_true: impl Fn() -> bool) {
    let wait = async {
        while !is_true() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(DEADLINE, wait)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

/// The state of a process or thread as the kernel has it: `T` for a stopped one. A process that was waited for has none.
fn state(stat: &Path) -> Option<char> {
    let stat = std::fs::read_to_string(stat).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// Whether all threads have stopped: before that, the system does not see a stopped process.
fn is_frozen(process: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else {
        return false;
    };
    threads
        .map(|thread| thread.unwrap().path().join("stat"))
        .all(|stat| state(&stat) == Some('T'))
}

fn is_gone(process: u32) -> bool {
    let stat = format!("/proc/{process}/stat");
    matches!(state(Path::new(&stat)), None | Some('Z'))
}

/// A path that nothing is at.
fn free_path() -> PathBuf {
    std::env::temp_dir().join(format!("confab-toy-{}", Uuid::new_v4()))
}

fn copy_later(from: &Path, to: &Path) -> Value {
    json!({"do": "copy later", "from": from, "to": to})
}

#[tokio::test]
async fn invocations_one_after_the_other_share_a_process_that_is_frozen_between_them() {
    let emulator = Emulator::start([toy()]).await.unwrap();
    let process = process_of(invoke(&emulator, json!({})).await).await;
    for _ in 0..3 {
        eventually("frozen", || is_frozen(process)).await;
        assert_eq!(process_of(invoke(&emulator, json!({})).await).await, process);
    }
    assert_eq!(emulator.processes("toy"), [process].into());
}

#[tokio::test]
async fn invocations_at_once_have_processes_of_their_own_up_to_the_limit() {
    let emulator = Emulator::start([toy()]).await.unwrap();
    let go = free_path();
    let wait = json!({"do": "wait", "for": go});
    let at_once = async { tokio::join!(invoke(&emulator, wait.clone()), invoke(&emulator, wait.clone())) };
    let one_more = async {
        eventually("two processes", || emulator.processes("toy").len() == 2).await;
        let throttled = invoke(&emulator, json!({})).await;
        std::fs::write(&go, "").unwrap();
        throttled
    };
    let ((first, second), throttled) = tokio::join!(at_once, one_more);
    assert_eq!(throttled.status(), 429);
    assert_eq!(throttled.headers()["x-amzn-errortype"], "TooManyRequestsException");
    assert_ne!(process_of(first).await, process_of(second).await);
}

#[tokio::test]
async fn what_nobody_waits_for_goes_on_with_the_next_invocation_only() {
    let emulator = Emulator::start([toy()]).await.unwrap();
    let (from, to) = (free_path(), free_path());
    let process = process_of(invoke(&emulator, copy_later(&from, &to)).await).await;
    eventually("frozen", || is_frozen(process)).await;
    std::fs::write(&from, "").unwrap();
    // One that works looks every few milliseconds.
    sleep(Duration::from_millis(300)).await;
    assert!(!to.exists(), "a frozen process works");
    let wait = json!({"do": "wait", "for": to});
    assert_eq!(process_of(invoke(&emulator, wait).await).await, process);
}

#[tokio::test]
async fn an_extension_keeps_the_environment_awake_after_the_answer() {
    let variables = vec![("TOY_EXTENSION".to_owned(), "1".to_owned())];
    let emulator = Emulator::start([Settings { variables, ..toy() }]).await.unwrap();
    let (from, to) = (free_path(), free_path());
    invoke(&emulator, copy_later(&from, &to)).await;
    assert!(!emulator.is_idle());
    std::fs::write(&from, "").unwrap();
    eventually("idle", || emulator.is_idle()).await;
    assert!(to.exists(), "frozen before its work was done");
}

#[tokio::test]
async fn a_function_that_fails_says_so_and_stays() {
    let emulator = Emulator::start([toy()]).await.unwrap();
    let process = process_of(invoke(&emulator, json!({})).await).await;
    let failed = invoke(&emulator, json!({"do": "fail"})).await;
    assert_ne!(error_of(failed).await, "Runtime.ExitError");
    assert_eq!(process_of(invoke(&emulator, json!({})).await).await, process);
}

#[tokio::test]
async fn a_process_that_ends_is_a_function_error_and_the_next_invocation_has_a_new_one() {
    let emulator = Emulator::start([toy()]).await.unwrap();
    let process = process_of(invoke(&emulator, json!({})).await).await;
    let ended = invoke(&emulator, json!({"do": "exit"})).await;
    assert_eq!(error_of(ended).await, "Runtime.ExitError");
    assert_ne!(process_of(invoke(&emulator, json!({})).await).await, process);
}

#[tokio::test]
async fn an_invocation_that_takes_too_long_costs_its_process() {
    let time_limit = Duration::from_secs(2);
    let emulator = Emulator::start([Settings { time_limit, ..toy() }]).await.unwrap();
    let process = process_of(invoke(&emulator, json!({})).await).await;
    let hung = invoke(&emulator, json!({"do": "hang"})).await;
    assert_eq!(error_of(hung).await, "Sandbox.Timedout");
    eventually("killed", || is_gone(process)).await;
    assert_ne!(process_of(invoke(&emulator, json!({})).await).await, process);
}

#[tokio::test]
async fn a_frozen_process_that_is_killed_is_not_missed() {
    let emulator = Emulator::start([toy()]).await.unwrap();
    let process = process_of(invoke(&emulator, json!({})).await).await;
    eventually("frozen", || is_frozen(process)).await;
    emulator.kill("toy");
    eventually("killed", || is_gone(process)).await;
    assert_ne!(process_of(invoke(&emulator, json!({})).await).await, process);
}

#[tokio::test]
async fn a_process_that_is_killed_in_mid_invocation_is_a_function_error_and_the_frozen_ones_live_on() {
    let emulator = Emulator::start([toy()]).await.unwrap();
    let go = free_path();
    let wait = async {
        let process = process_of(invoke(&emulator, json!({"do": "wait", "for": go})).await).await;
        eventually("frozen", || is_frozen(process)).await;
        assert_eq!(emulator.kill_at_work(7), Some("toy"));
        process
    };
    let free = async {
        eventually("two processes", || emulator.processes("toy").len() == 2).await;
        std::fs::write(&go, "").unwrap();
    };
    let (hung, frozen, ()) = tokio::join!(invoke(&emulator, json!({"do": "hang"})), wait, free);
    assert_eq!(error_of(hung).await, "Runtime.ExitError");
    eventually("one process", || emulator.processes("toy") == [frozen].into()).await;
    assert_eq!(emulator.kill_at_work(7), None);
}

#[tokio::test]
async fn functions_that_are_not_there_and_asynchronous_calls_are_refused() {
    let emulator = Emulator::start([Settings {
        name: "other".to_owned(),
        ..toy()
    }])
    .await
    .unwrap();
    let unknown = invoke(&emulator, json!({})).await;
    assert_eq!(unknown.status(), 404);
    assert_eq!(unknown.headers()["x-amzn-errortype"], "ResourceNotFoundException");
    let url = format!("{}/2015-03-31/functions/other/invocations", emulator.url());
    let event = reqwest::Client::new()
        .post(url)
        .header("x-amz-invocation-type", "Event");
    assert_eq!(event.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn processes_end_with_their_emulator() {
    let emulator = Emulator::start([toy()]).await.unwrap();
    let process = process_of(invoke(&emulator, json!({})).await).await;
    drop(emulator);
    eventually("gone", || is_gone(process)).await;
}

#[tokio::test]
async fn a_frozen_process_ends_with_an_emulator_that_is_killed() {
    let mut command = Command::new(example("doomed_emulator"));
    let mut doomed = command
        .arg(example("toy_function"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(doomed.stdout.take().unwrap()).lines();
    let process = output.next_line().await.unwrap().unwrap().parse().unwrap();
    eventually("frozen", || is_frozen(process)).await;
    kill(Pid::from_raw(doomed.id().unwrap().try_into().unwrap()), Signal::SIGKILL).unwrap();
    doomed.wait().await.unwrap();
    eventually("gone", || is_gone(process)).await;
}
