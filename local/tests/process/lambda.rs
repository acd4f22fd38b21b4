//! `local --lambda`: the functions are started by somebody else.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;

use crate::product::{Folder, Product, http_client, local, run, stderr};

#[tokio::test]
async fn the_environment_is_written_and_what_is_missing_is_said_in_the_log_without_secrets() {
    let folder = Folder::new("lambda");
    fs::create_dir_all(&folder.0).unwrap();
    let log = folder.0.join("log");
    let secret = "a secret for tests only, 32 bytes long or more";
    let mut command = local(&folder);
    // Nothing ever listens on port 1 of a test machine.
    command
        .args(["--lambda", "http://127.0.0.1:1"])
        .env("JWT_SECRET", secret)
        .stderr(File::create(&log).unwrap());
    let mut product = Product::spawn(command).await;

    let env_file = folder.0.join("functions.env");
    assert_eq!(fs::metadata(&env_file).unwrap().permissions().mode() & 0o777, 0o600);
    let environment = fs::read_to_string(&env_file).unwrap();
    let callback = format!("WEBSOCKET_CALLBACK_URL='http://{}/ws'\n", product.address);
    assert!(environment.contains(&callback) && environment.contains(secret));

    let request = http_client().post(format!("http://{}/auth/register", product.address));
    assert_eq!(request.send().await.unwrap().status(), 500);
    product.signal(Signal::SIGTERM);
    assert!(product.end().await.success());
    let log = fs::read_to_string(&log).unwrap();
    let advice = "nothing listens on http://127.0.0.1:1";
    assert_eq!(log.matches(advice).count(), 1, "{log}");
    assert!(log.contains("cargo lambda watch") && !log.contains(secret), "{log}");
}

#[tokio::test]
async fn a_url_that_no_invoke_api_can_have_is_refused() {
    let folder = Folder::new("lambda_url");
    let mut command = local(&folder);
    command.args(["--lambda", "https://lambda.eu-west-1.amazonaws.com"]);
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no URL of a Lambda Invoke API"),
        "{}",
        stderr(&output)
    );
}
