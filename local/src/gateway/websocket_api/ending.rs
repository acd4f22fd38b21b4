//! How connections end.

use std::borrow::Cow;

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// The end of a connection, as its `$disconnect` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    /// The close code (RFC 6455, section 7.4).
    pub(super) code: u16,
    /// Why, for people.
    pub(super) reason: Cow<'static, str>,
    /// Who ended it.
    pub(super) by: Party,
}

/// Who ended a connection, which decides what the socket still needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Party {
    /// The gateway: the client gets a close frame.
    Gateway,
    /// The client: its close frame gets an answer.
    Client,
    /// The network, or a client that is not to be reached any more.
    Network,
}

impl Ending {
    /// The client sent a close frame.
    pub(super) fn by_client(frame: Option<CloseFrame>) -> Self {
        match frame {
            Some(frame) => Self {
                code: frame.code.into(),
                reason: frame.reason.as_str().to_owned().into(),
                by: Party::Client,
            },
            None => Self {
                code: CloseCode::Status.into(),
                reason: "Client-side close frame status not set".into(),
                by: Party::Client,
            },
        }
    }

    /// The connection has been idle or open for too long, or the gateway stops.
    pub(super) fn going_away() -> Self {
        Self::by_gateway(CloseCode::Away, "Going away")
    }

    /// A function asked for it.
    pub(super) fn closed() -> Self {
        Self::by_gateway(CloseCode::Normal, "Connection Closed Normally")
    }

    /// The client sent a binary message.
    pub(super) fn binary() -> Self {
        Self::by_gateway(CloseCode::Unsupported, "Binary messages are not supported")
    }

    /// The connection broke without a close frame.
    pub(super) fn abnormal() -> Self {
        Self {
            code: CloseCode::Abnormal.into(),
            reason: "Connection Closed Abnormally".into(),
            by: Party::Network,
        }
    }

    /// What reading from the socket failed with.
    pub(super) fn by_read_error(error: &Error) -> Self {
        match error {
            Error::Capacity(_) => Self::by_gateway(CloseCode::Size, "Message too big"),
            Error::Utf8(_) => Self::by_gateway(CloseCode::Invalid, "Text is not UTF-8"),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::abnormal(),
            Error::Protocol(_) => Self::by_gateway(CloseCode::Protocol, "Protocol error"),
            _ => Self::abnormal(),
        }
    }

    /// The close frame that the client gets.
    pub(super) fn frame(&self) -> CloseFrame {
        CloseFrame {
            code: self.code.into(),
            reason: self.reason.as_ref().into(),
        }
    }

    fn by_gateway(code: CloseCode, reason: &'static str) -> Self {
        Self {
            code: code.into(),
            reason: reason.into(),
            by: Party::Gateway,
        }
    }
}
