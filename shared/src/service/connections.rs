//! The life of a WebSocket connection.

use super::{Delivery, backlog, upkeep};
use crate::Error;
use crate::db::{self, Database};
use crate::domain::{ConnectionId, UserId};

/// How many connections a user may have; one more closes the oldest.
const MAX_CONNECTIONS: u16 = 32;

/// Registers a connection that is about to open. The row is there before the handshake is answered.
///
/// # Errors
/// [`Error::Unauthenticated`] where the user is gone, or what the database says.
pub async fn open(delivery: &Delivery, connection: &ConnectionId, user: UserId) -> Result<(), Error> {
    let pushed_out = db::connections::open(delivery.db(), connection, user, MAX_CONNECTIONS)
        .await?
        .ok_or(Error::Unauthenticated("the user of this token is gone"))?;
    for oldest in pushed_out {
        tracing::info!(connection = %oldest, %user, "closing the oldest connection: the user has too many");
        close(delivery, &oldest).await;
    }
    Ok(())
}

/// What follows once the handshake is answered: what the user has not been sent yet, and a sweep if one is due. It needs a process
/// that goes on after the answer.
pub async fn after_open(delivery: Delivery, connection: ConnectionId, user: UserId) {
    backlog::push_on_connect(&delivery, &connection, user).await;
    upkeep::sweep_if_due(delivery.db()).await;
}

/// Has the gateway close a connection, so that its client comes back.
pub async fn close(delivery: &Delivery, connection: &ConnectionId) {
    let outcome = delivery.push().close(connection);
    let connection = connection.clone();
    delivery
        .afterwards()
        .run(async move {
            if let Err(error) = outcome.await {
                tracing::debug!(%connection, %error, "a connection was not closed");
            }
        })
        .await;
}

/// Forgets a connection that ended.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer: the lease ends it then.
pub async fn forget(db: &Database, connection: &ConnectionId) -> Result<(), Error> {
    Ok(db::connections::close(db, connection).await?)
}
