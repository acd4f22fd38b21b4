//! The WebSocket API: one connection from its handshake to its `$disconnect`.

mod closing;
mod connection;
mod ending;
mod handshake;
mod liveness;
mod route;
mod route_selection;
mod session;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use shared::Clock;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::call::Call;
use super::connections::Queue;
use super::health;
use super::integration::Integration;
use super::options::WebSocketOptions;
use super::payload::WebSocketEvent;
use super::response::message;
use super::{Connections, Function, FunctionError, GatewayError};
use crate::template;
use closing::Closing;
use connection::Connection;
use ending::Ending;
use handshake::Handshake;
use route::Route;
use route_selection::{CONNECT, DISCONNECT, RouteSelection};
use session::Session;

/// What a WebSocket API works with.
pub(super) struct Environment {
    pub(super) connections: Connections,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) integration: Integration,
    pub(super) options: WebSocketOptions,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// Answers a handshake, as soon as `$connect` has.
pub(super) async fn connect(
    State(api): State<Arc<WebSocketApi>>,
    Extension(call): Extension<Call>,
    handshake: Handshake,
    request: Request,
) -> Response {
    let connection = Arc::new(Connection::new(&api.stage, &call));
    let event = connection.connect_event(&request, &call);
    let (answer, response) = oneshot::channel();
    let tasks = api.environment.tasks.clone();
    // A task of its own: if the client hangs up now, a `$connect` that succeeds still needs its `$disconnect`.
    tasks.spawn(api.live(connection, handshake, event, answer));
    let failed = |_| message(StatusCode::BAD_GATEWAY, "Internal server error");
    response.await.unwrap_or_else(failed)
}

/// A WebSocket API with its routes bound to functions.
pub(super) struct WebSocketApi {
    stage: String,
    path: String,
    selection: RouteSelection,
    routes: BTreeMap<String, Route>,
    stage_variables: HashMap<String, String>,
    environment: Environment,
}

impl WebSocketApi {
    /// Binds the routes of `definition` to `functions`.
    pub(super) fn new(
        definition: &template::WebSocketApi,
        functions: &BTreeMap<String, Function>,
        environment: Environment,
    ) -> Result<Self, GatewayError> {
        let keys = definition.routes.keys().map(String::as_str);
        Ok(Self {
            stage: definition.stage_name.clone(),
            path: path_of(&definition.stage_name)?,
            selection: RouteSelection::new(&definition.route_selection_expression, keys)?,
            routes: Route::bind(definition, functions, &environment.integration)?,
            stage_variables: definition.stage_variables.clone().into_iter().collect(),
            environment,
        })
    }

    /// Where clients connect.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// A connection's whole life.
    async fn live(
        self: Arc<Self>,
        connection: Arc<Connection>,
        handshake: Handshake,
        event: WebSocketEvent,
        answer: oneshot::Sender<Response>,
    ) {
        let registration = self
            .environment
            .connections
            .register(connection.id.clone(), connection.client.clone());
        let response = match self.admit(&connection, event).await {
            Ok(admission) => handshake.response(&admission),
            Err(refusal) => {
                drop(registration);
                // The client may be gone: then nobody needs to hear that it is refused.
                let _ = answer.send(message(refusal, refusal.canonical_reason().unwrap_or_default()));
                return;
            }
        };
        let queue = registration.open();
        // If the client is gone the upgrade fails, and `$disconnect` follows as after any other end.
        let _ = answer.send(response);
        let Closing {
            ending,
            socket,
            handling,
        } = self.serve(&connection, handshake, queue).await;
        drop(registration);
        if let Some(socket) = socket {
            let close_timeout = self.environment.options.close_timeout;
            // The client's leave must not delay the news of it.
            self.environment
                .tasks
                .spawn(closing::finish(socket, ending.clone(), close_timeout));
        }
        // The end of a connection is its last event: a message that is still being handled comes first.
        if let Some(handling) = handling {
            handling.await;
        }
        self.disconnect(&connection, &ending).await;
    }

    /// What happens on the socket until it ends.
    async fn serve(self: &Arc<Self>, connection: &Arc<Connection>, handshake: Handshake, queue: Queue) -> Closing {
        let socket = match handshake.upgrade(&self.environment.options).await {
            Ok(socket) => socket,
            Err(error) => {
                tracing::debug!(%error, connection_id = %connection.id, "an upgrade failed");
                return Closing::without_socket(Ending::abnormal());
            }
        };
        let mut session = Session::new(self.clone(), connection.clone(), socket, queue);
        let ending = session.run().await;
        session.into_closing(ending)
    }

    /// Asks `$connect`; the error is the status to refuse the handshake with.
    async fn admit(
        &self,
        connection: &Connection,
        event: WebSocketEvent,
    ) -> Result<ApiGatewayProxyResponse, StatusCode> {
        let Some(route) = self.routes.get(CONNECT) else {
            return Ok(ApiGatewayProxyResponse::default());
        };
        let answer = self.invoke(route, event, connection).await;
        let answer = answer.map_err(|_| StatusCode::BAD_GATEWAY)?;
        match answer.status_code {
            200..300 => Ok(answer),
            code => Err(refusal_status(code)),
        }
    }

    /// Hands a client's message to its route's function. `Some` is a frame for the client: the route's response, or what
    /// tells of a failure.
    async fn handle_message(&self, connection: &Connection, text: &str) -> Option<String> {
        let route_key = self.selection.route_key(text);
        let event = connection.message_event(route_key, text, self.environment.clock.now());
        let request_id = event.event.request_context.request_id.clone().unwrap_or_default();
        let failure = match self.routes.get(route_key) {
            None => "Forbidden",
            Some(route) => match self.invoke(route, event, connection).await {
                Ok(answer) => return route.response(answer),
                Err(_) => "Internal server error",
            },
        };
        Some(connection.failure_frame(failure, &request_id))
    }

    async fn disconnect(&self, connection: &Connection, ending: &Ending) {
        tracing::info!(connection_id = %connection.id, code = ending.code, "disconnected");
        let Some(route) = self.routes.get(DISCONNECT) else {
            return;
        };
        let event = connection.disconnect_event(ending, self.environment.clock.now());
        // A failure is logged; there is nobody left to tell.
        let _ = self.invoke(route, event, connection).await;
    }

    async fn invoke(
        &self,
        route: &Route,
        mut event: WebSocketEvent,
        connection: &Connection,
    ) -> Result<ApiGatewayProxyResponse, FunctionError> {
        let route_key = event.event.request_context.route_key.clone();
        event.event.stage_variables.clone_from(&self.stage_variables);
        let answer = route.invoke(event).await;
        if let Err(error) = &answer {
            tracing::error!(%error, route_key, connection_id = %connection.id, "an invocation failed");
        }
        answer
    }
}

/// The path of a stage, whose name must be one that API Gateway takes.
fn path_of(stage: &str) -> Result<String, GatewayError> {
    let path = format!("/{stage}");
    let acceptable = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let reason = if stage.is_empty() || !stage.chars().all(acceptable) {
        "the name of a stage has letters, digits, hyphens and underscores only"
    } else if path == health::PATH {
        "the gateway has this path for itself"
    } else {
        return Ok(path);
    };
    Err(GatewayError::Route {
        route: path,
        reason: reason.to_owned(),
    })
}

/// A status that refuses a handshake: what the function said, unless that would be no refusal.
fn refusal_status(code: i64) -> StatusCode {
    u16::try_from(code)
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok())
        .filter(|status| !status.is_informational())
        .unwrap_or(StatusCode::BAD_GATEWAY)
}

#[cfg(test)]
mod tests;
