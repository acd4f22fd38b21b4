//! `local watch`, with a `cargo` and a `cargo-lambda` that only write down what they are asked. The test itself is the Invoke API.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};

use crate::product::{DEADLINE, Folder, Product, http_client, local, postgres_runs, run, stderr};

/// Notes its arguments, and runs until it is asked to end, which it notes too.
const CARGO_LAMBDA: &str = r#"#!/bin/sh
[ "$2" = --version ] && exit 0
echo $$ > "$0.pid"
echo "$@" > "$0.draft" && mv "$0.draft" "$0.arguments"
trap 'touch "$0.ended"; exit 0' TERM
while :; do sleep 0.05; done
"#;

const CARGO: &str = "#!/bin/sh\necho \"$@\" > \"$0.arguments\"\n";

/// A folder with programs, which is all that is on the `PATH` besides the system's.
struct Programs(PathBuf);

impl Programs {
    fn new(folder: &Folder) -> Self {
        let programs = folder.0.join("programs");
        fs::create_dir_all(&programs).unwrap();
        Self(programs)
    }

    fn with(self, name: &str, script: &str) -> Self {
        let path = self.0.join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// What the program of this name wrote, once it has.
    async fn noted(&self, name: &str) -> String {
        let path = self.0.join(name);
        let noted = async {
            loop {
                match fs::read_to_string(&path) {
                    Ok(text) => return text,
                    Err(_) => sleep(Duration::from_millis(10)).await,
                }
            }
        };
        timeout(DEADLINE, noted).await.expect("a note in time")
    }

    fn watch(&self, folder: &Folder) -> Command {
        let mut command = local(folder);
        command
            .args(["watch", "--concurrency", "3", "--release"])
            .env("PATH", format!("{}:/usr/bin:/bin", self.0.display()))
            .env("CARGO", self.0.join("cargo"));
        if let Some(folder) = std::env::var_os("PG_BIN_DIR") {
            command.env("PG_BIN_DIR", folder);
        }
        command
    }
}

/// The value that follows an option.
fn value_of<'a>(arguments: &'a str, option: &str) -> &'a str {
    let mut words = arguments.split_whitespace().skip_while(|word| *word != option);
    words.nth(1).expect("an option with a value")
}

/// Plays the Invoke API where `cargo lambda watch` was told to: tells of each event and answers 202.
async fn play_invoke_api(arguments: &str, events: UnboundedSender<Value>) {
    let (host, port) = (
        value_of(arguments, "--invoke-address"),
        value_of(arguments, "--invoke-port"),
    );
    let listener = TcpListener::bind(format!("{host}:{port}")).await.unwrap();
    let invoke = |State(events): State<UnboundedSender<Value>>, Json(event): Json<Value>| async move {
        events.send(event).unwrap();
        Json(json!({"statusCode": 202}))
    };
    let router = Router::new()
        .route("/2015-03-31/functions/register/invocations", post(invoke))
        .with_state(events);
    tokio::spawn(async move { axum::serve(listener, router).await });
}

#[tokio::test]
async fn watch_builds_the_functions_starts_cargo_lambda_with_their_environment_and_ends_it() {
    let folder = Folder::new("watch");
    let programs = Programs::new(&folder)
        .with("cargo", CARGO)
        .with("cargo-lambda", CARGO_LAMBDA);
    let mut watch = programs.watch(&folder);
    watch.stderr(Stdio::null());
    let starting = tokio::spawn(Product::spawn(watch));
    let arguments = programs.noted("cargo-lambda.arguments").await;
    let (sender, mut events) = unbounded_channel();
    play_invoke_api(&arguments, sender).await;
    let mut product = starting.await.unwrap();

    let built = programs.noted("cargo.arguments").await;
    assert!(built.starts_with("build --features lambda --bin "), "{built}");
    assert!(
        built.contains("--bin ws-connect") && built.contains("--release"),
        "{built}"
    );
    assert!(
        arguments.starts_with("lambda watch --invoke-address 127.0.0.1 "),
        "{arguments}"
    );
    assert_eq!(value_of(&arguments, "--concurrency"), "3");
    assert!(
        arguments.contains("--release") && arguments.contains("--disable-cors"),
        "{arguments}"
    );

    let env_file = Path::new(value_of(&arguments, "--env-file"));
    let mode = fs::metadata(env_file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let environment = fs::read_to_string(env_file).unwrap();
    let callback = format!("WEBSOCKET_CALLBACK_URL='http://{}/ws'\n", product.address);
    assert!(environment.contains(&callback), "no {callback}");
    for name in ["DATABASE_URL=", "JWT_SECRET=", "AWS_REGION=", "AWS_ACCESS_KEY_ID="] {
        assert!(environment.contains(name), "no {name}");
    }

    let request = http_client().post(format!("http://{}/auth/register", product.address));
    assert_eq!(request.send().await.unwrap().status(), 202);
    assert_eq!(events.recv().await.unwrap()["rawPath"], "/auth/register");

    product.signal(Signal::SIGTERM);
    assert!(product.end().await.success());
    assert!(
        programs.0.join("cargo-lambda.ended").exists(),
        "it is asked to end, and waited for"
    );
    assert!(!postgres_runs(&folder));
}

#[tokio::test]
async fn when_cargo_lambda_ends_so_does_watch() {
    let folder = Folder::new("watch_end");
    let programs = Programs::new(&folder)
        .with("cargo", CARGO)
        .with("cargo-lambda", CARGO_LAMBDA);
    let mut watch = programs.watch(&folder);
    watch.stderr(Stdio::null());
    let starting = tokio::spawn(Product::spawn(watch));
    let arguments = programs.noted("cargo-lambda.arguments").await;
    play_invoke_api(&arguments, unbounded_channel().0).await;
    let mut product = starting.await.unwrap();
    let cargo_lambda = programs.noted("cargo-lambda.pid").await;
    kill(Pid::from_raw(cargo_lambda.trim().parse().unwrap()), Signal::SIGKILL).unwrap();
    assert_eq!(
        product.end().await.code(),
        Some(1),
        "whoever supervises it starts it again"
    );
    assert!(!postgres_runs(&folder));
}

#[tokio::test]
async fn watch_and_another_place_for_the_functions_are_refused_together() {
    let folder = Folder::new("watch_lambda");
    let programs = Programs::new(&folder);
    let mut watch = programs.watch(&folder);
    watch.env("CONFAB_LAMBDA", "http://127.0.0.1:1");
    let output = run(watch).await;
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("CONFAB_LAMBDA") && said.contains("watch"), "{said}");
}

#[tokio::test]
async fn without_cargo_lambda_watch_says_where_it_comes_from() {
    let folder = Folder::new("watch_missing");
    let programs = Programs::new(&folder).with("cargo", CARGO);
    let output = run(programs.watch(&folder)).await;
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("pip install cargo-lambda"), "{said}");
}

#[tokio::test]
async fn functions_that_do_not_compile_end_watch_before_anything_is_started() {
    let folder = Folder::new("watch_build");
    let programs = Programs::new(&folder)
        .with("cargo", "#!/bin/sh\nexit 101\n")
        .with("cargo-lambda", CARGO_LAMBDA);
    let output = run(programs.watch(&folder)).await;
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("can't be built") && said.contains("101"), "{said}");
    assert!(!postgres_runs(&folder));
}

#[tokio::test]
async fn a_cargo_lambda_that_ends_at_once_is_told() {
    let folder = Folder::new("watch_early");
    let programs = Programs::new(&folder)
        .with("cargo", CARGO)
        .with("cargo-lambda", "#!/bin/sh\n[ \"$2\" = --version ]\n");
    let output = run(programs.watch(&folder)).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cargo lambda ended"), "{}", stderr(&output));
    assert!(!postgres_runs(&folder));
}
