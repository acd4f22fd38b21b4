//! Every frame that a client sends.

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use http::StatusCode;
use shared::Error;
use shared::db::Database;
use shared::db::messages::NewMessage;
use shared::domain::ConnectionId;
use shared::frames;
use shared::service::{Delivery, connections, messages, reading, sync, typing};
use shared::ws::events::{answer, connection_id};
use shared::ws::{Frame, Incoming};

/// What the function works with.
#[derive(Clone)]
pub struct Services {
    db: Database,
    delivery: Delivery,
}

impl Services {
    /// Puts them together.
    #[must_use]
    pub fn new(db: Database, delivery: Delivery) -> Self {
        Self { db, delivery }
    }
}

/// Handles one frame. Whatever is refused is answered with a frame on the same connection.
///
/// # Errors
/// An event without a connection, which API Gateway never sends.
pub async fn handle(
    services: Services,
    event: ApiGatewayWebsocketProxyRequest,
) -> Result<ApiGatewayProxyResponse, lambda_runtime::Error> {
    let connection = connection_id(&event)?;
    let Incoming { client_id, frame } = Incoming::parse(event.body.as_deref().unwrap_or_default());
    match frame {
        Err(refusal) => services.delivery.reply(&connection, refusal).await,
        Ok(frame) => {
            if let Err(error) = act(&services, &connection, frame).await {
                refuse(&services.delivery, &connection, &error, client_id.as_deref()).await;
            }
        }
    }
    Ok(answer(StatusCode::OK))
}

async fn act(services: &Services, connection: &ConnectionId, frame: Frame) -> Result<(), Error> {
    let Services { db, delivery } = services;
    match frame {
        Frame::Ping => {
            delivery.reply(connection, frames::pong()).await;
            Ok(())
        }
        Frame::Message {
            destination,
            content,
            reply_to,
            client_id,
        } => {
            let new = NewMessage {
                connection,
                destination,
                content: &content,
                reply_to,
                client_id: client_id.as_ref(),
            };
            messages::send(db, delivery, &new).await
        }
        Frame::Read { conversation, seq } => reading::mark_read_from(delivery, connection, conversation, seq).await,
        Frame::Typing { destination, active } => typing::pass_on(delivery, connection, destination, active).await,
        Frame::Sync { versions } => sync::sync(delivery, connection, versions).await,
    }
}

async fn refuse(delivery: &Delivery, connection: &ConnectionId, error: &Error, client_id: Option<&str>) {
    match error {
        // Nothing would ever be pushed to this connection again: the client shall come back with a new one.
        Error::UnknownConnection => return connections::close(delivery, connection).await,
        Error::Unavailable(_) | Error::Internal(_) => {
            tracing::error!(%connection, code = error.code(), cause = %error.chain(), "a frame failed");
        }
        _ => {}
    }
    delivery.reply(connection, frames::error(error, client_id)).await;
}
