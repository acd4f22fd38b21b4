//! The `migrate` function on AWS Lambda.

use lambda_runtime::service_fn;
use migrate::Migrator;
use shared::SystemClock;
use shared::lambda::{Error, environment};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    // Faults of the settings are told to CloudFormation too: it would wait long for a function that does not start.
    let database = environment().and_then(|env| env.direct_database());
    let migrator = Migrator::new(database.map_err(|fault| fault.to_string()), SystemClock)?;
    lambda_runtime::run(service_fn(|event| migrator.handle(event))).await
}
