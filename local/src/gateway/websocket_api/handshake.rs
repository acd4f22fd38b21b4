//! The opening handshake (RFC 6455, section 4.2).

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::gateway::options::WebSocketOptions;
use crate::gateway::response;

const VERSION: HeaderValue = HeaderValue::from_static("13");
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// What a socket's buffers begin with, in bytes: most frames are small, and there may be thousands of sockets.
const BUFFER_SIZE: usize = 1024;

/// A client's socket.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A client's proper request for a WebSocket.
///
/// Not axum's: that gives no way to the connection beneath the socket, which must be read to its end after a close
/// frame. Closing with unread bytes resets the connection, and then the client never sees why.
pub(in crate::gateway) struct Handshake {
    accept: String,
    offered_protocols: Vec<HeaderValue>,
    upgrade: OnUpgrade,
}

impl<S: Sync> FromRequestParts<S> for Handshake {
    type Rejection = Response;

    async fn from_request_parts(head: &mut Parts, _state: &S) -> Result<Self, Response> {
        Self::of(head).ok_or_else(upgrade_required)
    }
}

impl Handshake {
    /// The handshake that a request is; `None` if it is another request.
    fn of(head: &mut Parts) -> Option<Self> {
        let headers = &head.headers;
        let is_handshake = contains_token(headers, &CONNECTION, "upgrade")
            && contains_token(headers, &UPGRADE, "websocket")
            && headers.get(SEC_WEBSOCKET_VERSION) == Some(&VERSION);
        let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| is_handshake)?;
        let accept = derive_accept_key(key.as_bytes());
        let offered_protocols = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().cloned().collect();
        Some(Self {
            accept,
            offered_protocols,
            upgrade: head.extensions.remove()?,
        })
    }

    /// The answer that admits the client, with the subprotocol that `$connect` chose.
    pub(super) fn response(&self, admission: &ApiGatewayProxyResponse) -> Response {
        let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, WEBSOCKET);
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(protocol) = self.chosen_protocol(admission) {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol.clone());
        }
        response
    }

    /// The socket, once the answer is written.
    pub(super) async fn upgrade(self, options: &WebSocketOptions) -> hyper::Result<Socket> {
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_SIZE)
            .write_buffer_size(BUFFER_SIZE)
            .max_message_size(Some(options.max_message_size))
            .max_frame_size(Some(options.max_frame_size));
        let connection = TokioIo::new(self.upgrade.await?);
        Ok(WebSocketStream::from_raw_socket(connection, Role::Server, Some(config)).await)
    }

    /// A client must not be given a subprotocol that it did not offer.
    fn chosen_protocol<'a>(&self, admission: &'a ApiGatewayProxyResponse) -> Option<&'a HeaderValue> {
        let chosen = admission
            .headers
            .get(SEC_WEBSOCKET_PROTOCOL)
            .or_else(|| admission.multi_value_headers.get(SEC_WEBSOCKET_PROTOCOL))?;
        let mut offered = self.offered_protocols.iter().flat_map(tokens);
        offered.any(|token| token == chosen.as_bytes()).then_some(chosen)
    }
}

/// The answer to a request that is no handshake.
fn upgrade_required() -> Response {
    let mut response = response::message(StatusCode::UPGRADE_REQUIRED, "Upgrade Required");
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, WEBSOCKET);
    headers.insert(SEC_WEBSOCKET_VERSION, VERSION);
    response
}

fn contains_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let mut found = headers.get_all(name).iter().flat_map(tokens);
    found.any(|candidate| candidate.eq_ignore_ascii_case(token.as_bytes()))
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}
