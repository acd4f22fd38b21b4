//! The `ws-message` function on AWS Lambda.
use shared::lambda::{Error, environment};
use ws_message::{Services, handle};
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = environment()?;
    let services = Services::new(env.database()?, env.delivery().await?);
    env.serve_websocket(|event| handle(services.clone(), event)).await
}
