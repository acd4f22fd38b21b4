//! The `ws-disconnect` function on AWS Lambda.
use shared::lambda::{Error, environment, serve_websocket};
use ws_disconnect::handle;
#[tokio::main]
async fn main() -> Result<(), Error> {
    let delivery = environment()?.delivery().await?;
    serve_websocket(|event| handle(delivery.clone(), event)).await
}
