//! The `ws-message` function on AWS Lambda.
use shared::lambda::{Error, environment, serve_websocket};
use ws_message::{Services, handle};
#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = environment()?;
    let services = Services::new(env.database()?, env.delivery().await?);
    serve_websocket(|event| handle(services.clone(), event)).await
}
