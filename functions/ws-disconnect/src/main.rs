//! The `ws-disconnect` function on AWS Lambda.
use shared::lambda::{Error, environment, serve_websocket};
use ws_disconnect::handle;
#[tokio::main]
async fn main() -> Result<(), Error> {
    let db = environment()?.database()?;
    serve_websocket(|event| handle(db.clone(), event)).await
}
