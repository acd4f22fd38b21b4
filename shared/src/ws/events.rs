//! API Gateway's WebSocket events.

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use http::StatusCode;

use crate::Error;
use crate::domain::ConnectionId;

/// Which connection an event is about.
///
/// # Errors
/// [`Error::Internal`] where the event names none, which API Gateway never does.
pub fn connection_id(event: &ApiGatewayWebsocketProxyRequest) -> Result<ConnectionId, Error> {
    let id = event.request_context.connection_id.as_deref();
    id.map(ConnectionId::new)
        .ok_or_else(|| Error::Internal("the event has no connectionId".into()))
}

/// An answer that is only a status: for `$connect` it decides over the handshake, otherwise nobody sees it.
#[must_use]
pub fn answer(status: StatusCode) -> ApiGatewayProxyResponse {
    let mut response = ApiGatewayProxyResponse::default();
    response.status_code = status.as_u16().into();
    response
}
