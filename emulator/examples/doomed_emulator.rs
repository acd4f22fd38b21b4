//! An emulator with one function, for the test that kills it: invokes the function once, prints the id of its process, and waits.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test reads what this prints")]

use std::time::Duration;

use lambda_emulator::{Environment, INIT_TIME_LIMIT, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let settings = Settings {
        name: "toy".to_owned(),
        program: std::env::args_os().nth(1).unwrap().into(),
        variables: Vec::new(),
        init_time_limit: INIT_TIME_LIMIT,
        time_limit: Duration::from_mins(1),
        concurrency: 1,
    };
    let mut environment = Environment::launch(&settings).await.unwrap();
    environment.invoke("{}".into()).await;
    assert!(environment.settle().await);
    println!("{}", environment.process_id());
    std::future::pending::<()>().await;
}
