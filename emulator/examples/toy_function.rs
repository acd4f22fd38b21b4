//! A Lambda function for the emulator's tests: it does what its event says. With `TOY_EXTENSION` set it has an internal extension, which
//! waits for the work that follows an answer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lambda_extension::{Extension, NextEvent};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let tasks = TaskTracker::new();
    let (done, signals) = mpsc::unbounded_channel();
    if std::env::var_os("TOY_EXTENSION").is_some() {
        keep_awake(tasks.clone(), signals).await?;
    }
    let handler = service_fn(|event| async {
        let answer = handle(tasks.clone(), event).await;
        // Without the extension nobody listens.
        let _ = done.send(());
        answer
    });
    lambda_runtime::run(handler).await
}

async fn handle(tasks: TaskTracker, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let event = event.payload;
    match event["do"].as_str().unwrap_or_default() {
        "fail" => return Err("as told".into()),
        "exit" => std::process::exit(3),
        "hang" => std::future::pending().await,
        "copy later" => drop(tasks.spawn(copy(path(&event["from"]), path(&event["to"])))),
        "wait" => {
            while !path(&event["for"]).exists() {
                sleep(Duration::from_millis(2)).await;
            }
        }
        _ => {}
    }
    Ok(json!({"event": event, "process": std::process::id()}))
}

fn path(value: &Value) -> PathBuf {
    value.as_str().unwrap().into()
}

/// Copies a file as soon as it is there.
async fn copy(from: PathBuf, to: PathBuf) {
    while std::fs::copy(&from, &to).is_err() {
        sleep(Duration::from_millis(2)).await;
    }
}

/// The extension asks for the next event when the present one's invocation is handled and no task is left.
async fn keep_awake(tasks: TaskTracker, signals: mpsc::UnboundedReceiver<()>) -> Result<(), Error> {
    let signals = Arc::new(Mutex::new(signals));
    let processor = service_fn(move |event: lambda_extension::LambdaEvent| {
        let (tasks, signals) = (tasks.clone(), Arc::clone(&signals));
        async move {
            assert!(matches!(event.next, NextEvent::Invoke(_)));
            signals.lock().await.recv().await.unwrap();
            tasks.close();
            tasks.wait().await;
            tasks.reopen();
            Ok::<(), Infallible>(())
        }
    });
    let extension = Extension::new()
        .with_events(&["INVOKE"])
        .with_events_processor(processor);
    tokio::spawn(extension.register().await?.run());
    Ok(())
}
