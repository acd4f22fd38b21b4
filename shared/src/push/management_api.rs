//! Pushing through API Gateway's connection management API.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::error::{DisplayErrorContext, SdkError};
use aws_sdk_apigatewaymanagement::operation::delete_connection::DeleteConnectionError;
use aws_sdk_apigatewaymanagement::operation::get_connection::GetConnectionError;
use aws_sdk_apigatewaymanagement::operation::post_to_connection::PostToConnectionError;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use bytes::Bytes;
use futures_util::FutureExt;

use super::{Outcome, Push, PushError};
use crate::domain::ConnectionId;

/// Without a route to the endpoint (a VPC without NAT) a call would hang for good.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The management API of one WebSocket API.
#[derive(Debug, Clone)]
pub struct ManagementApi {
    client: Client,
}

impl ManagementApi {
    /// A client of the API whose stage is at `callback_url` (`https://{api}.execute-api.{region}.amazonaws.com/{stage}`), with the
    /// function's own credentials.
    pub async fn connect(callback_url: &str) -> Self {
        Self::new(&Self::settings(callback_url).load().await)
    }

    /// The settings of [`Self::connect`]; what they leave open comes from the environment.
    #[must_use]
    pub fn settings(callback_url: &str) -> ConfigLoader {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(callback_url)
            .timeout_config(timeouts)
    }

    /// A client with these settings.
    #[must_use]
    pub fn new(settings: &SdkConfig) -> Self {
        Self {
            client: Client::new(settings),
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
        async move {
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
