//! A client's WebSocket.

use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much is read at a time, in bytes. The library's 128 KiB would be a gigabyte for 10,000 sockets.
const BUFFER: usize = 4096;

/// An open socket.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
/// The half that reads.
pub(crate) type Reader = SplitStream<Socket>;
/// The half that writes.
pub(crate) type Writer = SplitSink<Socket, Message>;

/// How often a handshake is tried before there is anything to measure.
const TRIES: usize = 5;

/// How long before it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// A handshake came to nothing.
#[derive(Debug, Error)]
#[error("a handshake failed: {0}")]
pub(crate) struct Refused(String);

impl Refused {
    /// What it counts as.
    pub(crate) fn code(&self) -> String {
        format!("handshake {}", self.0)
    }
}

/// Opens a socket with a user's token. Small frames leave at once.
pub(crate) async fn open(url: &str, token: &str) -> Result<Socket, Refused> {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER);
    let url = format!("{url}?token={token}");
    match timeout(PATIENCE, connect_async_with_config(url, Some(config), true)).await {
        Ok(Ok((socket, _answer))) => Ok(socket),
        Ok(Err(Error::Http(answer))) => Err(Refused(answer.status().as_u16().to_string())),
        Ok(Err(error)) => Err(Refused(error.to_string())),
        Err(_elapsed) => Err(Refused("unanswered".to_owned())),
    }
}

/// The same, tried again where it fails: many connect at once.
pub(crate) async fn open_patiently(url: &str, token: &str) -> Result<Socket, Refused> {
    for _ in 1..TRIES {
        if let Ok(socket) = open(url, token).await {
            return Ok(socket);
        }
        sleep(PAUSE).await;
    }
    open(url, token).await
}
