//! The `ws-connect` function on AWS Lambda.
use shared::lambda::{Error, environment};
use ws_connect::{Services, handle};
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = environment()?;
    let services = Services::new(env.tokens()?, env.delivery_after_the_answer().await?);
    env.serve_websocket_and_what_follows(|event| handle(services.clone(), event))
        .await
}
