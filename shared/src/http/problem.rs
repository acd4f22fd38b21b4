use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::context::request_id;
use super::quota;
use crate::Error;
use crate::error::{FieldError, Quota};

/// How long a client should wait where the database is away, in seconds.
const RETRY_AFTER_SECONDS: u16 = 5;

/// An answer that is not what was asked for: `application/problem+json` (RFC 9457).
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    quota: Option<Box<Quota>>,
    /// What broke inside: for the log, never for the client.
    cause: Option<Arc<str>>,
}

impl Problem {
    /// A problem with the request itself.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            quota: None,
            cause: None,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = Self::new(status(&error), error.code(), detail(&error));
        match error {
            Error::Invalid(errors) => Self { errors, ..problem },
            Error::UsernameTaken => Self {
                errors: vec![FieldError::new("username", "is taken")],
                ..problem
            },
            Error::EmailTaken => Self {
                errors: vec![FieldError::new("email", "is taken")],
                ..problem
            },
            Error::RateLimited(quota) => Self {
                quota: Some(Box::new(quota)),
                ..problem
            },
            Error::Unavailable(_) | Error::Internal(_) => Self {
                cause: Some(error.chain().into()),
                ..problem
            },
            _ => problem,
        }
    }
}

fn status(error: &Error) -> StatusCode {
    match error {
        Error::Invalid(_) | Error::UsernameTaken | Error::EmailTaken => StatusCode::BAD_REQUEST,
        Error::Unauthenticated(_) | Error::BadCredentials => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::UnknownUser
        | Error::UnknownConversation
        | Error::UnknownMessage
        | Error::UnknownMember
        | Error::UnknownConnection => StatusCode::NOT_FOUND,
        Error::ClientIdConflict | Error::NotAGroup | Error::LastOwner | Error::GroupFull => StatusCode::CONFLICT,
        Error::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
        Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn detail(error: &Error) -> String {
    match error {
        Error::Invalid(_) => "Some fields break a rule: see errors.".to_owned(),
        Error::RateLimited(quota) => format!(
            "Too many requests: try again in {} s.",
            quota::whole_seconds(quota.retry_after)
        ),
        Error::Unavailable(_) => "The service is unavailable at the moment: try again later.".to_owned(),
        Error::Internal(_) => "Something went wrong on our side.".to_owned(),
        error => sentence(&error.to_string()),
    }
}

fn sentence(clause: &str) -> String {
    let mut characters = clause.chars();
    characters
        .next()
        .map(|first| format!("{}{}.", first.to_uppercase(), characters.as_str()))
        .unwrap_or_default()
}

impl IntoResponse for Problem {
    /// An answer without a body as yet: `render` knows the request's id.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The members of the document.
#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

/// Gives problems their body, and logs those that are ours: once, here.
pub(super) async fn render(request: Request, next: Next) -> Response {
    let request_id = request_id(request.extensions());
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        problem.write(&mut response, &request_id);
    }
    response
}

impl Problem {
    fn write(&self, response: &mut Response, request_id: &str) {
        if let Some(cause) = &self.cause {
            tracing::error!(%request_id, code = self.code, %cause, "a request failed");
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // The router's list for a path that a `?` or `#` in a segment has cut short: which methods there are, the gateway says.
        headers.remove(ALLOW);
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
            }
            _ => {}
        }
        if let Some(quota) = &self.quota {
            headers.insert(RETRY_AFTER, quota::whole_seconds(quota.retry_after).into());
            quota::write(headers, quota);
        }
        *response.body_mut() = Body::from(self.document(request_id));
    }

    fn document(&self, request_id: &str) -> Vec<u8> {
        let document = Document {
            // What the status says is all there is to say of the type; `code` tells the rest (RFC 9457, section 4.2.1).
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            request_id,
            errors: &self.errors,
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }
}
