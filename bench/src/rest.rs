//! The REST API as a client uses it that reads answers leniently: a status, perhaps a code, perhaps JSON.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Method, Response};
use serde_json::Value;
use thiserror::Error;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there was no success.
#[derive(Debug, Error)]
pub(crate) enum RestError {
    /// The server refused it.
    #[error("{method} {path} was answered with {code}")]
    Refused {
        method: Method,
        path: String,
        status: u16,
        /// The status, and the problem's code where there is one.
        code: String,
        /// For how long the server asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// There was no answer.
    #[error("{method} {path} failed: {cause}")]
    Unanswered {
        method: Method,
        path: String,
        cause: String,
    },
}

impl RestError {
    /// What it counts as.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            Self::Unanswered { .. } => "http_unanswered",
        }
    }

    /// For how long to wait before the same is tried again; `None` where that is no use.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Refused {
                status: 429 | 503,
                retry_after,
                ..
            } => Some(retry_after.unwrap_or(Duration::from_secs(1))),
            _ => None,
        }
    }
}

/// The way to one server's REST API.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    http: reqwest::Client,
    base: String,
}

impl Rest {
    pub(crate) fn new(base: &str) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: base.to_owned(),
        }
    }

    /// Calls it; returns the JSON of a success, null where it has none.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, RestError> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.base))
            .timeout(PATIENCE);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let unanswered = |error: reqwest::Error| RestError::Unanswered {
            method: method.clone(),
            path: path.to_owned(),
            cause: root_cause(&error),
        };
        let answer = request.send().await.map_err(unanswered)?;
        if !answer.status().is_success() {
            return Err(refused(method, path, answer).await);
        }
        let body = answer.bytes().await.map_err(unanswered)?;
        Ok(serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}

async fn refused(method: Method, path: &str, answer: Response) -> RestError {
    let status = answer.status().as_u16();
    let header = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let body: Value = answer.json().await.unwrap_or(Value::Null);
    let code = body["code"]
        .as_str()
        .map_or_else(|| status.to_string(), |code| format!("{status} {code}"));
    RestError::Refused {
        method,
        path: path.to_owned(),
        status,
        code,
        retry_after: header.map(Duration::from_secs),
    }
}

/// What lies beneath: "connection refused" rather than "error sending request".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
