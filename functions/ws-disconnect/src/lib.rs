//! `$disconnect`: a connection ended.

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use http::StatusCode;
use shared::service::{Delivery, connections};
use shared::ws::events::{answer, connection_id};

/// Forgets the connection. It is best effort: where this is never called, or fails, the lease ends it.
///
/// # Errors
/// The database is away.
pub async fn handle(
    delivery: Delivery,
    event: ApiGatewayWebsocketProxyRequest,
) -> Result<ApiGatewayProxyResponse, lambda_runtime::Error> {
    connections::forget(&delivery, &connection_id(&event)?).await?;
    Ok(answer(StatusCode::OK))
}
