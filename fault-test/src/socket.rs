//! A client's WebSocket, which can end in the middle of a frame.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::frame::Frame;

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first bytes of a masked text frame of 126 bytes or more: its head announces 1,000 bytes, and few follow.
const BEGINNING: [u8; 16] = [
    0x81, 0xFE, 0x03, 0xE8, 0, 0, 0, 0, b'{', b'"', b't', b'y', b'p', b'e', b'"', b':',
];

/// An open socket.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

/// The socket has ended.
#[derive(Debug)]
pub(crate) struct Ended;

impl Socket {
    /// Opens one, with the user's token.
    pub(crate) async fn open(address: &str, token: &str) -> Result<Self, Ended> {
        let open = async {
            let stream = TcpStream::connect(address).await.map_err(|_| Ended)?;
            let url = format!("ws://{address}/ws?token={token}");
            let (socket, _) = client_async(url, stream).await.map_err(|_| Ended)?;
            Ok(Self(socket))
        };
        timeout(PATIENCE, open).await.unwrap_or(Err(Ended))
    }

    pub(crate) async fn send(&mut self, frame: &Value) -> Result<(), Ended> {
        let send = self.0.send(Message::text(frame.to_string()));
        timeout(PATIENCE, send).await.map_err(|_| Ended)?.map_err(|_| Ended)
    }

    /// The next frame; `None` where none comes until then.
    pub(crate) async fn next_before(&mut self, deadline: Instant) -> Result<Option<Frame>, Ended> {
        loop {
            match timeout_at(deadline, self.0.next()).await {
                Err(_elapsed) => return Ok(None),
                Ok(Some(Ok(Message::Text(text)))) => return Ok(Some(Frame::parse(&text))),
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                Ok(_) => return Err(Ended),
            }
        }
    }

    /// Closes it in order.
    pub(crate) async fn close(mut self) {
        // Whether the other side still listens changes nothing.
        let _ = timeout(PATIENCE, self.0.close(None)).await;
    }

    /// Ends it in the middle of a frame.
    pub(crate) async fn cut(self) {
        let mut stream = self.0.into_inner();
        let _ = timeout(PATIENCE, stream.write_all(&BEGINNING)).await;
    }
}
