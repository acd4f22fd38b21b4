//! What the routes of a WebSocket API lead to.

use std::collections::BTreeMap;

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use lambda_http::Body;

use crate::gateway::integration::Integration;
use crate::gateway::payload::WebSocketEvent;
use crate::gateway::{Function, FunctionError, GatewayError};
use crate::template;

/// A route bound to its function.
pub(super) struct Route {
    function: Function,
    integration: Integration,
    has_response: bool,
}

impl Route {
    /// Binds the routes of `definition`, whose invocations `integration` runs.
    pub(super) fn bind(
        definition: &template::WebSocketApi,
        functions: &BTreeMap<String, Function>,
        integration: &Integration,
    ) -> Result<BTreeMap<String, Self>, GatewayError> {
        let bind = |(key, route): (&String, &template::WebSocketRoute)| {
            let function = functions
                .get(&route.function)
                .ok_or_else(|| GatewayError::MissingFunction {
                    route: key.clone(),
                    function: route.function.clone(),
                })?;
            let bound = Self {
                function: function.clone(),
                integration: integration.within(route.integration_timeout),
                has_response: route.has_response,
            };
            Ok((key.clone(), bound))
        };
        definition.routes.iter().map(bind).collect()
    }

    /// Runs the function.
    pub(super) async fn invoke(&self, event: WebSocketEvent) -> Result<ApiGatewayProxyResponse, FunctionError> {
        let function = self.function.clone();
        let invocation = async move { function.invoke_websocket(event).await };
        self.integration.run(invocation).await
    }

    /// The frame that a client is sent for an answer: its body, where the route has a response. No status keeps it back.
    pub(super) fn response(&self, answer: ApiGatewayProxyResponse) -> Option<String> {
        match answer.body {
            Some(Body::Text(body)) if self.has_response && !body.is_empty() => Some(body),
            _ => None,
        }
    }
}
