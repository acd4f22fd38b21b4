//! The `ws-message` function on AWS Lambda.

use shared::lambda::{Error, environment, serve_websocket};
use ws_message::{Services, handle};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = environment()?;
    let (db, delivery) = (env.database()?, env.delivery().await?);
    let services = Services { db, delivery };
    serve_websocket(|event| handle(services.clone(), event)).await
}
