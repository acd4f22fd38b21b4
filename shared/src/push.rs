//! Posting frames to WebSocket connections.
//!
//! [`Push`] has two implementations: the API Gateway management API (`management_api`, deployed functions) and the sockets
//! of the gateway's own process (in `local`).

#[cfg(feature = "lambda")]
mod http_client;
#[cfg(feature = "lambda")]
pub mod management_api;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::domain::ConnectionId;

/// The outcome of a post, known once the gateway has taken the frame (`local`: once it is written to the socket).
pub type Outcome<T = ()> = BoxFuture<'static, Result<T, PushError>>;

/// Posts to the connections that a WebSocket API holds open.
///
/// Every method starts its work when it is called where the implementation can: a frame takes its place in the connection's
/// order at the call, not when the returned future is first polled.
pub trait Push: Send + Sync + 'static {
    /// Sends `frame`, one UTF-8 text message of at most 128 KB, to the connection.
    fn post(&self, connection: &ConnectionId, frame: Bytes) -> Outcome;

    /// Closes the connection; its `$disconnect` follows.
    fn close(&self, connection: &ConnectionId) -> Outcome;

    /// Whether the connection can be posted to by now: it can not before its `$connect` has answered. An implementation that can tell
    /// says [`PushError::Gone`] once the connection has ended.
    fn is_open(&self, connection: &ConnectionId) -> Outcome<bool>;
}

/// Why a frame was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The connection does not exist: closed, or its `$connect` has not answered yet (HTTP 410, `GoneException`).
    #[error("the connection is gone")]
    Gone,
    /// The connection's buffer is full: its client reads too slowly (HTTP 429, `LimitExceededException`).
    #[error("the connection's buffer is full")]
    Busy,
    /// The frame is over 128 KB (HTTP 413, `PayloadTooLargeException`).
    #[error("the frame is larger than a connection takes")]
    TooLarge,
    /// The gateway did not answer, or not in a way that can be understood.
    #[error("the gateway can't be reached: {0}")]
    Unreachable(String),
}
