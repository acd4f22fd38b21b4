//! What can be set about a gateway. The defaults are API Gateway's quotas.

use std::net::IpAddr;
use std::time::Duration;

use super::Credentials;

/// The settings of a gateway.
#[derive(Debug, Clone)]
pub struct Options {
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Origins that take the place of the template's in the CORS configuration.
    pub cors_origins: Option<Vec<String>>,
    /// How long [`Gateway::serve`](super::Gateway::serve) waits at its end for what is in flight.
    pub shutdown_deadline: Duration,
    /// The settings of the HTTP API.
    pub http: HttpOptions,
    /// The settings of the WebSocket API.
    pub websocket: WebSocketOptions,
    /// The settings of `@connections`.
    pub management: ManagementOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            cors_origins: None,
            shutdown_deadline: Duration::from_secs(5),
            http: HttpOptions::default(),
            websocket: WebSocketOptions::default(),
            management: ManagementOptions::default(),
        }
    }
}

/// The settings of the HTTP API.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// How long a function may take.
    pub integration_timeout: Duration,
    /// The largest body of a request, in bytes.
    pub max_body_size: usize,
    /// How much of requests' bodies the gateway holds at once, in bytes; what is more is refused as a throttle does.
    pub body_memory: usize,
    /// How long a client may take to send a request's body.
    pub body_timeout: Duration,
    /// How long a client may take to send a request's head, which includes the wait for it on an idle connection.
    pub header_timeout: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            integration_timeout: Duration::from_secs(30),
            max_body_size: 10 * 1024 * 1024,
            body_memory: 256 * 1024 * 1024,
            body_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(30),
        }
    }
}

/// The settings of the WebSocket API.
#[derive(Debug, Clone)]
pub struct WebSocketOptions {
    /// How long a function may take.
    pub integration_timeout: Duration,
    /// The largest message of a client, in bytes.
    pub max_message_size: usize,
    /// The largest frame of a client, in bytes.
    pub max_frame_size: usize,
    /// How long a connection may be silent in both directions.
    pub idle_timeout: Duration,
    /// How long a connection may last.
    pub lifetime: Duration,
    /// How long after the last sign of life a silent peer is pinged, and how often; `None` for never, as in the cloud.
    pub ping_interval: Option<Duration>,
    /// How long the peer may leave a batch of frames unread.
    pub write_timeout: Duration,
    /// How long the peer may take to answer a close frame and to close its side.
    pub close_timeout: Duration,
}

impl Default for WebSocketOptions {
    fn default() -> Self {
        Self {
            integration_timeout: Duration::from_secs(29),
            max_message_size: 128 * 1024,
            max_frame_size: 32 * 1024,
            idle_timeout: Duration::from_mins(10),
            lifetime: Duration::from_hours(2),
            ping_interval: Some(Duration::from_secs(30)),
            write_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(3),
        }
    }
}

/// The settings of `@connections`.
#[derive(Debug, Clone)]
pub struct ManagementOptions {
    /// What calls must be signed with. Without credentials calls need no signature, and are taken from this machine only.
    pub credentials: Option<Credentials>,
    /// How long a frame waits for its turn to be written before it is withdrawn and refused. An SDK tries a refused post
    /// twice more, after up to 1 and 2 seconds; all of that must fit into the 5 seconds that the functions give a call.
    pub post_patience: Duration,
    /// How long a function may take to send a request's body.
    pub body_timeout: Duration,
}

impl Default for ManagementOptions {
    fn default() -> Self {
        Self {
            credentials: None,
            post_patience: Duration::from_millis(500),
            body_timeout: Duration::from_secs(10),
        }
    }
}
