//! Pushing through API Gateway's connection management API.

use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::region::ProvideRegion;
use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::timeout::TimeoutConfig;
use aws_sdk_apigatewaymanagement::config::{self, BehaviorVersion, Config, Region};
use aws_sdk_apigatewaymanagement::error::{DisplayErrorContext, SdkError};
use aws_sdk_apigatewaymanagement::operation::delete_connection::DeleteConnectionError;
use aws_sdk_apigatewaymanagement::operation::get_connection::GetConnectionError;
use aws_sdk_apigatewaymanagement::operation::post_to_connection::PostToConnectionError;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::Semaphore;

use super::http_client::Http;
use super::{Outcome, Push, PushError};
use crate::domain::ConnectionId;

/// Without a route to the endpoint (a VPC without NAT) a call would hang for good.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// How long one attempt of a call may take, so that another one has time left within the call's. A connection that died unnoticed while
/// the function was frozen answers nothing; a new one does.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// How many posts are under way at once. A message to a large group goes to hundreds of connections; one that does not answer keeps
/// one place, for as long as a call may take.
const MAX_POSTS: usize = 64;

/// Goes into signatures where `AWS_REGION` is not set. Lambda sets it, and the gateway in `local` takes any.
const NO_REGION: &str = "local";

/// The management API of one WebSocket API.
#[derive(Debug, Clone)]
pub struct ManagementApi {
    client: Client,
    posts: Arc<Semaphore>,
}

impl ManagementApi {
    /// A client of the API whose stage is at `callback_url` (`https://{api}.execute-api.{region}.amazonaws.com/{stage}`), with the
    /// function's own credentials.
    ///
    /// # Errors
    /// As [`Self::settings`].
    pub async fn connect(callback_url: &str) -> Result<Self, rustls::Error> {
        Ok(Self::new(Self::settings(callback_url).await?.build()))
    }

    /// The settings of [`Self::connect`].
    ///
    /// Credentials and region come from the environment, where Lambda has them. They are not left to `aws_config`'s loader: it would
    /// also ask files, other services and the machine that it runs on, over a network that may not answer, and it brings all of that
    /// into the binary.
    ///
    /// # Errors
    /// [`rustls::Error`] where TLS can't be set up.
    pub async fn settings(callback_url: &str) -> Result<config::Builder, rustls::Error> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let region = EnvironmentVariableRegionProvider::new().region().await;
        Ok(Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(Http::new(CONNECT_TIMEOUT)?)
            .credentials_provider(EnvironmentVariableCredentialsProvider::new())
            .region(region.unwrap_or(Region::from_static(NO_REGION)))
            .endpoint_url(callback_url)
            .timeout_config(timeouts))
    }

    /// A client with these settings.
    #[must_use]
    pub fn new(settings: Config) -> Self {
        Self {
            client: Client::from_conf(settings),
            posts: Arc::new(Semaphore::new(MAX_POSTS)),
        }
    }
}

impl Push for ManagementApi {
    fn post(&self, connection: &ConnectionId, frame: Bytes) -> Outcome {
        let call = self
            .client
            .post_to_connection()
            .connection_id(connection.as_str())
            .data(Blob::new(frame));
        let posts = self.posts.clone();
        async move {
            // The semaphore is never closed; were it, the call would be made all the same.
            let _place = posts.acquire().await;
            call.send()
                .await
                .map(drop)
                .map_err(|error| match error.as_service_error() {
                    Some(PostToConnectionError::GoneException(_)) => PushError::Gone,
                    Some(PostToConnectionError::LimitExceededException(_)) => PushError::Busy,
                    Some(PostToConnectionError::PayloadTooLargeException(_)) => PushError::TooLarge,
                    _ => unreachable(&error),
                })
        }
        .boxed()
    }

    fn close(&self, connection: &ConnectionId) -> Outcome {
        let call = self.client.delete_connection().connection_id(connection.as_str());
        async move {
            call.send()
                .await
                .map(drop)
                .map_err(|error| match error.as_service_error() {
                    Some(DeleteConnectionError::GoneException(_)) => PushError::Gone,
                    Some(DeleteConnectionError::LimitExceededException(_)) => PushError::Busy,
                    _ => unreachable(&error),
                })
        }
        .boxed()
    }

    fn is_open(&self, connection: &ConnectionId) -> Outcome<bool> {
        let call = self.client.get_connection().connection_id(connection.as_str());
        async move {
            match call.send().await {
                Ok(_) => Ok(true),
                Err(error) => match error.as_service_error() {
                    Some(GetConnectionError::GoneException(_)) => Ok(false),
                    Some(GetConnectionError::LimitExceededException(_)) => Err(PushError::Busy),
                    _ => Err(unreachable(&error)),
                },
            }
        }
        .boxed()
    }
}

fn unreachable<E: std::error::Error + Send + Sync + 'static>(error: &SdkError<E>) -> PushError {
    PushError::Unreachable(DisplayErrorContext(error).to_string())
}
