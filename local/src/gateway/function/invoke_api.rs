//! Functions in other processes, behind a Lambda Invoke API: that of `cargo lambda watch`, of the Runtime Interface Emulator, or any
//! other that needs no signature.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use url::Url;

use super::FunctionError;
use super::answer::malformed;
use crate::gateway::encoding::header_text;

/// How many invocations are under way at once; each needs a connection of its own. Others wait, within their time limits.
const MAX_CONCURRENT_INVOCATIONS: usize = 256;

/// How long a connection may take to come about. The endpoint is near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a connection is kept that nobody uses.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// The longest answer that Lambda takes from a function, in bytes, with room for what wraps it.
const MAX_ANSWER_SIZE: usize = 6 * 1024 * 1024 + 64 * 1024;

/// Set by the service where the answer is the function's failure.
const FUNCTION_ERROR: &str = "x-amz-function-error";

/// The kind of a refusal, by the service itself.
const ERROR_TYPE: &str = "x-amzn-errortype";

/// How Lambda's runtime for Rust begins the message of a panic.
const PANIC: &str = "Lambda panicked";

/// What may not stand in a path as it is.
const UNSAFE_IN_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Why the Invoke API did not run a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// There is no connection.
    #[error(
        "nothing listens on {url} ({reason}): start the functions there with `cargo lambda watch`, or both with `cargo run -- watch`"
    )]
    Unreachable {
        /// The API.
        url: String,
        /// What the operating system says.
        reason: String,
    },
    /// The connection broke before the answer was complete.
    #[error("the connection to {url} broke ({reason}): see what the functions there print")]
    Broken {
        /// The API.
        url: String,
        /// What was wrong with it.
        reason: String,
    },
    /// The API has no such function.
    #[error("{url} has no function {function:?}: its name there must be the last part of its CodeUri in the template")]
    UnknownFunction {
        /// The API.
        url: String,
        /// The function's name.
        function: String,
    },
    /// The function already runs as often as it may.
    #[error("{url} throttles {function:?}: allow it more concurrency there")]
    Throttled {
        /// The API.
        url: String,
        /// The function's name.
        function: String,
    },
    /// The API refuses for another reason.
    #[error("{url} refuses to invoke {function:?}: {status} {kind}")]
    Refused {
        /// The API.
        url: String,
        /// The function's name.
        function: String,
        /// The status of the refusal.
        status: StatusCode,
        /// The type of the error, as far as it is told.
        kind: String,
    },
}

/// A URL that is not one of an Invoke API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is no URL of a Lambda Invoke API: that must look like http://127.0.0.1:9000; TLS and signed requests are not supported"
)]
pub struct InvalidInvokeUrl(Url);

/// A Lambda Invoke API, with the connections to it.
#[derive(Debug, Clone)]
pub struct InvokeApi {
    /// Without the final slash.
    url: String,
    client: Client<HttpConnector, Full<Bytes>>,
    slots: Arc<Semaphore>,
}

impl InvokeApi {
    /// The API at `url`, such as `http://127.0.0.1:9000`. Proxies of the environment are left alone.
    ///
    /// # Errors
    ///
    /// [`InvalidInvokeUrl`] where the scheme is not `http`.
    pub fn new(url: &Url) -> Result<Self, InvalidInvokeUrl> {
        if url.scheme() != "http" {
            return Err(InvalidInvokeUrl(url.clone()));
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_CONCURRENT_INVOCATIONS)
            .build(connector);
        Ok(Self {
            url: url.as_str().trim_end_matches('/').to_owned(),
            client,
            slots: Arc::new(Semaphore::new(MAX_CONCURRENT_INVOCATIONS)),
        })
    }

    /// The function of this name.
    pub(super) fn function(&self, name: &str) -> RemoteFunction {
        let encoded = utf8_percent_encode(name, UNSAFE_IN_NAMES);
        RemoteFunction {
            invocations: format!("{}/2015-03-31/functions/{encoded}/invocations", self.url),
            name: name.to_owned(),
            api: self.clone(),
        }
    }
}

/// A function behind an Invoke API.
#[derive(Debug, Clone)]
pub(super) struct RemoteFunction {
    api: InvokeApi,
    name: String,
    /// The URL that its events are posted to.
    invocations: String,
}

impl RemoteFunction {
    /// Runs the function and waits for its answer.
    pub(super) async fn invoke(&self, payload: Vec<u8>) -> Result<Value, FunctionError> {
        // The semaphore is never closed.
        let _slot = self.api.slots.acquire().await.ok();
        let request = Request::post(&self.invocations)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(payload));
        let request = request.map_err(|error| self.broken(&error))?;
        let answer = self.api.client.request(request).await;
        let answer = answer.map_err(|error| self.no_answer(&error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER_SIZE).collect().await;
        let body = body.map_err(|error| self.broken(&*error))?.to_bytes();
        self.read(head.status, &head.headers, &body)
    }

    /// What the service, or an emulator of it, said.
    fn read(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Value, FunctionError> {
        let (url, function) = (self.api.url.clone(), self.name.clone());
        match status {
            _ if headers.contains_key(FUNCTION_ERROR) => {
                Err(failure_of(body).map_or_else(without_report, FunctionError::from))
            }
            StatusCode::OK if body.is_empty() => Ok(Value::Null),
            StatusCode::OK => serde_json::from_slice(body).map_err(|error| malformed(&error)),
            StatusCode::NOT_FOUND => Err(InvokeError::UnknownFunction { url, function }.into()),
            StatusCode::TOO_MANY_REQUESTS => Err(InvokeError::Throttled { url, function }.into()),
            // `cargo lambda watch` tells a function's failure by the status alone.
            StatusCode::INTERNAL_SERVER_ERROR if let Some(failure) = failure_of(body) => Err(failure.into()),
            _ => Err(InvokeError::Refused {
                url,
                function,
                status,
                kind: headers.get(ERROR_TYPE).map(header_text).unwrap_or_default(),
            }
            .into()),
        }
    }

    fn no_answer(&self, error: &hyper_util::client::legacy::Error) -> FunctionError {
        if !error.is_connect() {
            return self.broken(error);
        }
        let url = self.api.url.clone();
        let reason = root_cause(error);
        InvokeError::Unreachable { url, reason }.into()
    }

    fn broken(&self, error: &(dyn Error + 'static)) -> FunctionError {
        let url = self.api.url.clone();
        let reason = root_cause(error);
        InvokeError::Broken { url, reason }.into()
    }
}

fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut root = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    root.to_string()
}

/// A function's failure, as Lambda's runtimes report it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    error_type: String,
    error_message: String,
}

fn failure_of(body: &[u8]) -> Option<Failure> {
    serde_json::from_slice(body).ok()
}

fn without_report() -> FunctionError {
    FunctionError::Failed("without a report".to_owned())
}

impl From<Failure> for FunctionError {
    fn from(failure: Failure) -> Self {
        if failure.error_message.starts_with(PANIC) {
            return Self::Panicked;
        }
        Self::Failed(format!("{}: {}", failure.error_type, failure.error_message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_error_without_a_report_says_so() {
        let api = InvokeApi::new(&Url::parse("http://127.0.0.1:9000").expect("a URL")).expect("an API");
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static(FUNCTION_ERROR),
            http::HeaderValue::from_static("Unhandled"),
        )]);
        let error = api.function("one").read(StatusCode::OK, &headers, b"").unwrap_err();
        assert_eq!(error.to_string(), "the function failed: without a report");
    }
}
