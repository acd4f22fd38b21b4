//! What a route invokes.

mod answer;
mod invoke_api;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::apigw::{
    ApiGatewayProxyResponse, ApiGatewayV2httpRequest, ApiGatewayV2httpResponse, ApiGatewayWebsocketProxyRequest,
};
use axum::Router;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Context, LambdaEvent, Service};
use serde_json::Value;
use tokio::time::timeout;

pub use invoke_api::{InvalidInvokeUrl, InvokeApi, InvokeError};

use super::payload::{self, WebSocketEvent};
use answer::{http_response_of, malformed, websocket_response_of};
use invoke_api::RemoteFunction;

/// How long Lambda lets a function run of which nothing is said.
const DEFAULT_TIME_LIMIT: Duration = Duration::from_mins(15);

type Handler<Event, Answer> = dyn Fn(Event) -> BoxFuture<'static, Result<Answer, FunctionError>> + Send + Sync;

/// A function that the gateway can invoke.
#[derive(Clone)]
pub struct Function {
    invocation: Invocation,
    /// How long Lambda lets it run.
    time_limit: Duration,
}

/// The ways to invoke a function.
#[derive(Clone)]
enum Invocation {
    Http(Arc<Handler<ApiGatewayV2httpRequest, ApiGatewayV2httpResponse>>),
    WebSocket(Arc<Handler<ApiGatewayWebsocketProxyRequest, ApiGatewayProxyResponse>>),
    Remote(Arc<RemoteFunction>),
}

/// Why an invocation has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// The handler gave up.
    #[error("the function failed: {0}")]
    Failed(String),
    /// The handler panicked. The panic's text is not kept: it may quote what users wrote.
    #[error("the function panicked")]
    Panicked,
    /// The handler took longer than the gateway waits.
    #[error("the function timed out")]
    TimedOut,
    /// The function is of the other kind: an HTTP function behind a WebSocket route, or the reverse.
    #[error("the function does not take events of this kind")]
    WrongEvent,
    /// The answer is not of a form that the gateway understands.
    #[error("the function's answer is malformed: {0}")]
    Malformed(String),
    /// The Invoke API did not run the function.
    #[error(transparent)]
    NotInvoked(#[from] InvokeError),
}

impl Function {
    fn new(invocation: Invocation) -> Self {
        Self {
            invocation,
            time_limit: DEFAULT_TIME_LIMIT,
        }
    }

    /// The function with the time limit that its template gives it: Lambda ends what takes longer, before the gateway gives up.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    async fn limited<T>(&self, run: impl Future<Output = Result<T, FunctionError>>) -> Result<T, FunctionError> {
        let ended = timeout(self.time_limit, run).await;
        ended.unwrap_or_else(|_| {
            let limit = self.time_limit.as_secs_f32();
            let hint = match self.invocation {
                Invocation::Remote(_) => {
                    ": it waits for itself to be built or for a free instance, or hangs; see what its process prints"
                }
                Invocation::Http(_) | Invocation::WebSocket(_) => "",
            };
            Err(FunctionError::Failed(format!(
                "Task timed out after {limit:.2} seconds{hint}"
            )))
        })
    }

    /// A function in this process that answers HTTP requests, through the adapter that its Lambda binary uses.
    #[must_use]
    pub fn http(router: Router) -> Self {
        Self::new(Invocation::Http(Arc::new(move |event: ApiGatewayV2httpRequest| {
            let context = context_of(&event);
            let event = LambdaEvent::new(LambdaRequest::ApiGatewayV2(event), context);
            // The adapter is not `Send`, its future is; a router is always ready.
            let answer = Adapter::from(router.clone()).call(event);
            Box::pin(async move {
                let answer = answer.await.unwrap_or_else(|never| match never {});
                // The adapter's answer has a private type: what it can be turned into is the JSON that Lambda gets.
                let payload = serde_json::to_value(answer).map_err(|error| malformed(&error))?;
                http_response_of(payload)
            })
        })))
    }

    /// A function in this process that takes the events of a WebSocket API.
    #[must_use]
    pub fn websocket<H, F, E>(handler: H) -> Self
    where
        H: Fn(ApiGatewayWebsocketProxyRequest) -> F + Send + Sync + 'static,
        F: Future<Output = Result<ApiGatewayProxyResponse, E>> + Send + 'static,
        E: std::fmt::Display,
    {
        Self::new(Invocation::WebSocket(Arc::new(move |event| {
            // Not an `async` block: that would have room for the handler's future twice.
            let answer = handler(event).map_err(|error| FunctionError::Failed(error.to_string()));
            answer.boxed()
        })))
    }

    /// A function that runs elsewhere, behind a Lambda Invoke API: it takes events of both kinds.
    #[must_use]
    pub fn remote(api: &InvokeApi, name: &str) -> Self {
        Self::new(Invocation::Remote(Arc::new(api.function(name))))
    }

    /// Answers a request to an HTTP API.
    ///
    /// # Errors
    ///
    /// [`FunctionError`] if the function has no answer.
    pub(super) async fn invoke_http(
        &self,
        event: ApiGatewayV2httpRequest,
    ) -> Result<ApiGatewayV2httpResponse, FunctionError> {
        match &self.invocation {
            Invocation::Http(handler) => self.limited(handler(event)).await,
            Invocation::Remote(function) => self
                .limited(function.invoke(bytes_of(payload::http(event))?))
                .await
                .and_then(http_response_of),
            Invocation::WebSocket(_) => Err(FunctionError::WrongEvent),
        }
    }

    /// Answers an event of a WebSocket API.
    ///
    /// # Errors
    ///
    /// [`FunctionError`] if the function has no answer.
    pub(super) async fn invoke_websocket(
        &self,
        event: WebSocketEvent,
    ) -> Result<ApiGatewayProxyResponse, FunctionError> {
        match &self.invocation {
            Invocation::WebSocket(handler) => self.limited(handler(*event.event)).await,
            Invocation::Remote(function) => self
                .limited(function.invoke(bytes_of(payload::websocket(event))?))
                .await
                .and_then(websocket_response_of),
            Invocation::Http(_) => Err(FunctionError::WrongEvent),
        }
    }
}

/// What Lambda's runtime would tell the function about the invocation.
fn context_of(event: &ApiGatewayV2httpRequest) -> Context {
    let mut context = Context::default();
    context.request_id = event.request_context.request_id.clone().unwrap_or_default();
    context
}

/// What goes to a function elsewhere.
fn bytes_of(payload: Result<Value, serde_json::Error>) -> Result<Vec<u8>, FunctionError> {
    match payload {
        Ok(payload) => Ok(payload.to_string().into_bytes()),
        Err(error) => Err(FunctionError::Failed(format!("its event has no JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_function_refuses_events_of_the_other_kind() {
        let http = Function::http(Router::new());
        let answer = http.invoke_websocket(WebSocketEvent::default()).await;
        assert_eq!(answer, Err(FunctionError::WrongEvent));
    }

    #[tokio::test]
    async fn a_function_that_takes_longer_than_its_template_allows_is_ended() {
        let never = Function::websocket(|_| std::future::pending::<Result<ApiGatewayProxyResponse, FunctionError>>());
        let limited = never.with_time_limit(Duration::from_millis(10));
        let answer = limited.invoke_websocket(WebSocketEvent::default()).await;
        let timed_out = "Task timed out after 0.01 seconds".to_owned();
        assert_eq!(answer, Err(FunctionError::Failed(timed_out)));
    }
}
