//! The `login` function on AWS Lambda.

use shared::lambda::{Error, environment, serve_http};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = environment()?;
    serve_http(login::router(env.database()?, env.passwords(), env.tokens()?)).await
}
