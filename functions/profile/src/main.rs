//! The `profile` function on AWS Lambda.

use shared::lambda::{Error, environment};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = environment()?;
    env.serve_http(profile::router(env.database()?, env.tokens()?)).await
}
