//! Errors as the SDKs understand them.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use shared::push::PushError;

use crate::gateway::response;

/// The header that an SDK tells errors apart by: it looks at neither status nor body.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// A refusal, with the type that the SDK of any language makes an exception of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            message: message.into(),
        }
    }

    /// The call is not from where it may come from.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "ForbiddenException", message)
    }

    /// There is no such operation, or it needs a signature: API Gateway does not tell which.
    pub(super) fn no_such_operation() -> Self {
        let message = "Missing Authentication Token";
        Self::new(StatusCode::FORBIDDEN, "MissingAuthenticationTokenException", message)
    }

    /// The signature can't be understood.
    pub(super) fn incomplete_signature(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "IncompleteSignatureException", message)
    }

    /// The signature can't be right.
    pub(super) fn invalid_signature(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "InvalidSignatureException", message)
    }

    /// The signature was made with another key, or of another request.
    pub(super) fn wrong_signature() -> Self {
        Self::invalid_signature(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
             and signing method. Consult the service documentation for details.",
        )
    }

    /// The signer is not known.
    pub(super) fn unknown_signer() -> Self {
        let message = "The security token included in the request is invalid.";
        Self::new(StatusCode::FORBIDDEN, "UnrecognizedClientException", message)
    }

    /// The connection is gone, or not there yet.
    fn gone() -> Self {
        Self::new(StatusCode::GONE, "GoneException", "The connection is gone")
    }

    /// The frame is too large for a connection.
    pub(super) fn too_large() -> Self {
        let message = "The data has exceeded the maximum size allowed, 128 KB";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException", message)
    }

    /// The client reads too slowly.
    pub(super) fn limit_exceeded() -> Self {
        let message = "The WebSocket client side buffer is full: the client reads too slowly";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", message)
    }

    /// Too many frames are arriving at once, for whichever connections.
    pub(super) fn no_room() -> Self {
        let message = "The gateway takes in as many frames as it has room for: try again";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", message)
    }

    /// The data can't be sent as a text frame.
    pub(super) fn not_text() -> Self {
        let message = "The data is not UTF-8, and connections take text only";
        Self::bad_request(StatusCode::BAD_REQUEST, message)
    }

    /// The request is not one that can be done.
    pub(super) fn bad_request(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status, "BadRequestException", message)
    }
}

#[cfg(test)]
impl ApiError {
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

impl From<PushError> for ApiError {
    fn from(error: PushError) -> Self {
        match error {
            PushError::Gone => Self::gone(),
            PushError::Busy => Self::limit_exceeded(),
            PushError::TooLarge => Self::too_large(),
            PushError::Unreachable(reason) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServerErrorException",
                reason,
            ),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = response::message(self.status, &self.message);
        let kind = HeaderValue::from_static(self.kind);
        response.headers_mut().insert(ERROR_TYPE, kind);
        response
    }
}
