//! `@connections`: the API by which functions post to connections, ask about them and close them, under the path of the
//! WebSocket API's stage.
//!
//! It is as API Gateway has it, but for who may call: see [`access`].

mod access;
mod description;
mod error;
mod signature;
mod target;

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use shared::Clock;
use shared::domain::ConnectionId;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::Connections;
use super::body::{self, BodyError, Bounds};
use super::call::Call;
use super::connections::MAX_FRAME_SIZE;
use super::http_api::{self, HttpApi};
use super::memory::Memory;
use super::options::ManagementOptions;
use access::Access;
use error::ApiError;

/// How much of the frames that functions post is held while they arrive, in bytes.
const BODY_MEMORY: usize = 256 * MAX_FRAME_SIZE;

/// Where the SDKs look for the request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The management API of one WebSocket API.
pub(super) struct ManagementApi {
    connections: Connections,
    stage_path: String,
    access: Access,
    options: ManagementOptions,
    memory: Memory,
}

/// Answers a request under the stage's path: one for `@connections`, or else one for the template's routes.
pub(super) async fn answer(
    State(api): State<Arc<ManagementApi>>,
    State(http): State<Arc<HttpApi>>,
    Extension(call): Extension<Call>,
    request: Request,
) -> Response {
    let path = request.uri().path();
    let Some(connection) = path.strip_prefix(&api.stage_path).and_then(target::connection) else {
        return http_api::answer(State(http), Extension(call), request).await;
    };
    let answer = api.serve(&connection, request, &call).await;
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    if let Ok(request_id) = HeaderValue::from_str(&call.request_id) {
        response.headers_mut().insert(REQUEST_ID, request_id);
    }
    response
}

impl ManagementApi {
    /// The API for the connections of the WebSocket API at `stage_path`.
    pub(super) fn new(
        connections: Connections,
        clock: Arc<dyn Clock>,
        stage_path: &str,
        options: ManagementOptions,
    ) -> Self {
        Self {
            connections,
            stage_path: stage_path.to_owned(),
            access: Access::new(options.credentials.clone(), clock),
            options,
            memory: Memory::new(BODY_MEMORY),
        }
    }

    /// The paths that [`answer`] is for, as axum writes them.
    pub(super) fn paths(&self) -> String {
        format!("{}/{{*path}}", self.stage_path)
    }

    async fn serve(&self, connection: &ConnectionId, request: Request, call: &Call) -> Result<Response, ApiError> {
        let (head, body) = request.into_parts();
        let admission = match self.access.admit(&head, call) {
            Ok(admission) => admission,
            Err(refusal) => {
                body::skip(body, self.bounds()).await;
                return Err(refusal);
            }
        };
        let mut room = self.memory.hold();
        let body = body::read(&head.headers, body, self.bounds(), &mut room).await?;
        admission.confirm(&head, &body)?;
        // From here on the frame counts against what may wait for its connection: slow readers take no room from others' calls.
        drop(room);
        match head.method {
            Method::POST => {
                self.post(connection, body).await?;
                Ok(StatusCode::OK.into_response())
            }
            Method::GET => Ok(description::answer(&self.connections.describe(connection)?)),
            Method::DELETE => {
                self.connections.begin_close(connection)?;
                Ok(StatusCode::NO_CONTENT.into_response())
            }
            _ => Err(ApiError::no_such_operation()),
        }
    }

    /// Sends a text frame, whatever the media type of the body: API Gateway has no binary ones.
    async fn post(&self, connection: &ConnectionId, body: Bytes) -> Result<(), ApiError> {
        let text = Utf8Bytes::try_from(body).map_err(|_| ApiError::not_text())?;
        let patience = self.options.post_patience;
        Ok(self.connections.post_within(connection, text, patience).await?)
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            size: MAX_FRAME_SIZE,
            time: self.options.body_timeout,
        }
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::too_large(),
            BodyError::TooSlow => Self::bad_request(StatusCode::REQUEST_TIMEOUT, "The body took too long to arrive"),
            BodyError::Broken => Self::bad_request(StatusCode::BAD_REQUEST, "The body could not be read"),
            BodyError::NoRoom => Self::no_room(),
        }
    }
}
