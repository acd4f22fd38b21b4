//! The `ws-disconnect` function on AWS Lambda.
use shared::lambda::{Error, environment};
use ws_disconnect::handle;
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = environment()?;
    let delivery = env.delivery().await?;
    env.serve_websocket(|event| handle(delivery.clone(), event)).await
}
