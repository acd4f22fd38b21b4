//! `$connect`: who opens a WebSocket connection, and what they have missed.

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use http::StatusCode;
use shared::Error;
use shared::crypto::Tokens;
use shared::domain::UserId;
use shared::http::bearer_token;
use shared::service::{Delivery, connections};
use shared::ws::events::{answer, connection_id};

/// What the function works with.
#[derive(Clone)]
pub struct Services {
    tokens: Tokens,
    delivery: Delivery,
}

impl Services {
    /// Puts them together.
    #[must_use]
    pub fn new(tokens: Tokens, delivery: Delivery) -> Self {
        Self { tokens, delivery }
    }
}

/// Decides over a handshake: 200, or 401 without a valid token, or 503 while the database is away.
///
/// # Errors
/// A fault of ours, which the gateway answers with 502.
pub async fn handle(
    services: Services,
    event: ApiGatewayWebsocketProxyRequest,
) -> Result<ApiGatewayProxyResponse, lambda_runtime::Error> {
    match open(&services, &event).await {
        Ok(()) => Ok(answer(StatusCode::OK)),
        Err(Error::Unauthenticated(_)) => Ok(answer(StatusCode::UNAUTHORIZED)),
        Err(error @ Error::Unavailable(_)) => {
            tracing::error!(cause = %error.chain(), "a connection was refused");
            Ok(answer(StatusCode::SERVICE_UNAVAILABLE))
        }
        Err(error) => Err(error.chain().into()),
    }
}

async fn open(services: &Services, event: &ApiGatewayWebsocketProxyRequest) -> Result<(), Error> {
    let Services { tokens, delivery } = services;
    let connection = connection_id(event)?;
    let user = authenticate(tokens, event)?;
    let opened = connections::open(delivery, &connection, user).await?;
    delivery.afterwards().run(opened.follow_up()).await;
    Ok(())
}

/// The token comes in the query, as browsers can set no headers there, or in `Authorization`.
fn authenticate(tokens: &Tokens, event: &ApiGatewayWebsocketProxyRequest) -> Result<UserId, Error> {
    let in_query = event
        .query_string_parameters
        .first("token")
        .filter(|token| !token.is_empty());
    let token = in_query.or_else(|| bearer_token(&event.headers));
    tokens.verify(token.ok_or(Error::Unauthenticated("the handshake has no token"))?)
}
