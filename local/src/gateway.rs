//! API Gateway on one machine: an HTTP API and a WebSocket API in front of functions.
//!
//! A request becomes the event that API Gateway would make of it, goes to the function that the template names for its
//! route, and the answer comes back the way API Gateway would give it:
//!
//! - `server` accepts connections and sees to an orderly end; `dispatch` is the router that gives each request to one of
//! - `http_api` (events in payload format 2.0, routes, CORS),
//! - `websocket_api` (the handshake, one session for each socket, `$connect` to `$disconnect`),
//! - `management_api` (`@connections`, by which functions in other processes push), or
//! - `health`, the one route that API Gateway does not have.
//!
//! [`Function`] is what a route invokes and [`Connections`] the table of open sockets through which functions push.

mod body;
mod call;
mod connections;
mod credentials;
mod dispatch;
mod encoding;
mod function;
mod health;
mod http_api;
mod integration;
mod management_api;
mod memory;
mod options;
mod payload;
mod response;
mod server;
mod source_address;
mod spelling;
mod websocket_api;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use axum::Router;
use shared::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use connections::{Connections, QueueLimits};
pub use credentials::Credentials;
pub use function::{Function, FunctionError, InvalidInvokeUrl, InvokeApi, InvokeError};
pub use health::HealthCheck;
pub use options::{HttpOptions, ManagementOptions, Options, WebSocketOptions};

use crate::template::Template;
use dispatch::Dispatcher;
use http_api::HttpApi;
use integration::Integration;
use management_api::ManagementApi;
use websocket_api::WebSocketApi;

/// What the gateway is made of besides the template.
pub struct Parts {
    /// The functions by the names that the template's `CodeUri`s end in.
    pub functions: BTreeMap<String, Function>,
    /// The table of open sockets, which the functions push through.
    pub connections: Connections,
    /// What `GET /health` asks.
    pub health: HealthCheck,
    /// What events take their times from.
    pub clock: Arc<dyn Clock>,
}

/// Why a gateway can't be made of a template and functions.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// A route's function was not given.
    #[error("the template routes {route} to {function}, which does not exist here")]
    MissingFunction {
        /// The route.
        route: String,
        /// The name of the function.
        function: String,
    },
    /// A route's path can't be matched against, or clashes with another.
    #[error("the template's route {route} is unusable: {reason}")]
    Route {
        /// The route.
        route: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The route selection expression is not of the supported form.
    #[error("the route selection expression {0:?} is not of the form $request.body.<member>")]
    RouteSelection(String),
    /// A value of the CORS configuration can't stand in a header.
    #[error("the CORS configuration has a value that can't stand in a header: {0:?}")]
    Cors(String),
}

/// The gateway: everything that [`Gateway::serve`] needs but a listener.
pub struct Gateway {
    router: Router,
    options: Options,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Gateway {
    /// Binds the template's routes to functions.
    ///
    /// # Errors
    ///
    /// [`GatewayError`] if a route has no function, or something in the template is beyond what the gateway supports.
    pub fn new(template: &Template, parts: Parts, options: Options) -> Result<Self, GatewayError> {
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let functions = &limited(template, parts.functions);
        let integration = |timeout| Integration::new(tasks.clone(), timeout);
        let http = HttpApi::new(
            template,
            functions,
            &options,
            integration(options.http.integration_timeout),
        )?;
        let websocket = WebSocketApi::new(
            &template.websocket,
            functions,
            websocket_api::Environment {
                connections: parts.connections.clone(),
                clock: parts.clock.clone(),
                integration: integration(options.websocket.integration_timeout),
                options: options.websocket.clone(),
                tasks: tasks.clone(),
                stop: stop.clone(),
            },
        )?;
        let management = ManagementApi::new(
            parts.connections,
            parts.clock.clone(),
            websocket.path(),
            options.management.clone(),
        );
        let dispatcher = Dispatcher {
            http: Arc::new(http),
            management: Arc::new(management),
            websocket: Arc::new(websocket),
            health: parts.health,
            clock: parts.clock,
            trusted_proxies: options.trusted_proxies.as_slice().into(),
        };
        Ok(Self {
            router: dispatcher.into_router(),
            options,
            tasks,
            stop,
        })
    }

    /// Serves until `shutdown` is ready, then stops in order: accepts nothing more, closes all sockets with 1001, and
    /// lets requests and `$disconnect`s in flight finish, for [`Options::shutdown_deadline`] at most.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        server::serve(self, listener, shutdown).await;
    }
}

/// The functions with the time limits of the template.
fn limited(template: &Template, functions: BTreeMap<String, Function>) -> BTreeMap<String, Function> {
    let definition = |name: &str| template.functions.iter().find(|function| function.name == name);
    let limited = functions.into_iter().map(|(name, function)| match definition(&name) {
        Some(definition) => (name, function.with_time_limit(definition.timeout)),
        None => (name, function),
    });
    limited.collect()
}
