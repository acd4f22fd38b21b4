//! The `ws-connect` function on AWS Lambda.
use shared::lambda::{Error, environment, serve_websocket};
use ws_connect::{Services, handle};
#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = environment()?;
    let services = Services::new(env.tokens()?, env.delivery_after_the_answer().await?);
    serve_websocket(|event| handle(services.clone(), event)).await
}
