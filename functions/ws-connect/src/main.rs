//! The `ws-connect` function on AWS Lambda.

use shared::lambda::{Error, environment, serve_websocket};
use ws_connect::{Services, handle};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = environment()?;
    let (db, tokens) = (env.database()?, env.tokens()?);
    let delivery = env.delivery_after_the_answer().await?;
    let services = Services { db, tokens, delivery };
    serve_websocket(|event| handle(services.clone(), event)).await
}
