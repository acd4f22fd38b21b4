//! The `login` function on AWS Lambda.

use shared::lambda::{Error, environment};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = environment()?;
    env.serve_http(login::router(env.database()?, env.passwords(), env.tokens()?))
        .await
}
