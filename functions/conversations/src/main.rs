//! The `conversations` function on AWS Lambda.

use shared::lambda::{Error, environment, serve_http};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = environment()?;
    serve_http(conversations::router(
        env.database()?,
        env.tokens()?,
        env.delivery().await?,
    ))
    .await
}
