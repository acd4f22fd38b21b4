//! A connection that has ended, but for its socket's last bytes.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::ending::{Ending, Party};
use super::handshake::Socket;
use super::session::Handling;

/// What a session leaves.
pub(super) struct Closing {
    /// How the connection ended.
    pub(super) ending: Ending,
    /// The socket, if there is still somebody at its other end.
    pub(super) socket: Option<Socket>,
    /// The message that was being handled.
    pub(super) handling: Option<Handling>,
}

impl Closing {
    /// The end of a session.
    pub(super) fn new(ending: Ending, socket: Socket, handling: Option<Handling>) -> Self {
        Self {
            socket: (ending.by != Party::Network).then_some(socket),
            ending,
            handling,
        }
    }

    /// The end of a connection that never had a session.
    pub(super) fn without_socket(ending: Ending) -> Self {
        Self {
            ending,
            socket: None,
            handling: None,
        }
    }
}

/// Closes the socket so that the client learns why.
pub(super) async fn finish(socket: Socket, ending: Ending, close_timeout: Duration) {
    // Whether the client takes its leave properly changes nothing any more.
    let _ = timeout(close_timeout, close(socket, &ending)).await;
}

async fn close(mut socket: Socket, ending: &Ending) -> Result<(), Error> {
    if ending.by == Party::Client {
        // The answer to the client's close frame waits to be written.
        return socket.flush().await;
    }
    socket.send(Message::Close(Some(ending.frame()))).await?;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() {
            return Ok(());
        }
    }
    // Frames can't be read any more, which may be why the gateway closes. What the client still sends is read to its end
    // all the same: a socket closed over unread bytes is reset, and a reset can overtake the close frame.
    let mut connection = socket.into_inner();
    connection.shutdown().await?;
    copy(&mut connection, &mut sink()).await?;
    Ok(())
}
