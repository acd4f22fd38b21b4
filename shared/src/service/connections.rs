//! The life of a WebSocket connection.

use super::{Delivery, backlog, presence, upkeep};
use crate::Error;
use crate::db;
use crate::domain::{ConnectionId, Presence, UserId};

/// How many connections a user may have; one more closes the oldest.
const MAX_CONNECTIONS: u16 = 32;

/// Registers a connection that is about to open. The row is there before the handshake is answered.
///
/// # Errors
/// [`Error::Unauthenticated`] where the user is gone, or what the database says.
pub async fn open(delivery: &Delivery, connection: &ConnectionId, user: UserId) -> Result<Opened, Error> {
    let admission = db::connections::open(delivery.db(), connection, user, MAX_CONNECTIONS)
        .await?
        .ok_or(Error::Unauthenticated("the user of this token is gone"))?;
    for oldest in admission.pushed_out {
        tracing::info!(connection = %oldest, %user, "closing the oldest connection: the user has too many");
        close(delivery, &oldest).await;
    }
    Ok(Opened {
        delivery: delivery.clone(),
        connection: connection.clone(),
        user,
        presence: admission.presence,
    })
}

/// A connection whose row is written.
#[must_use = "what follows the handshake is still to be done"]
pub struct Opened {
    delivery: Delivery,
    connection: ConnectionId,
    user: UserId,
    presence: Option<Presence>,
}

impl Opened {
    /// What follows once the handshake is answered: the contacts are told if the user just came online, the connection gets what
    /// its user has not been sent yet, and a sweep is made if one is due. It needs a process that goes on after the answer.
    pub async fn follow_up(self) {
        let Self {
            delivery,
            connection,
            user,
            presence,
        } = self;
        if let Some(presence) = presence {
            presence::announce(&delivery, &presence).await;
        }
        backlog::push_on_connect(&delivery, &connection, user).await;
        upkeep::sweep_connections_if_due(&delivery).await;
        upkeep::sweep_buckets_if_due(delivery.db()).await;
    }
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

/// Forgets a connection that ended, and tells the user's contacts if it was their last.
///
/// # Errors
/// [`Error::Unavailable`] where the database does not answer: the lease ends it then.
pub async fn forget(delivery: &Delivery, connection: &ConnectionId) -> Result<(), Error> {
    if let Some(presence) = db::connections::close(delivery.db(), connection).await? {
        presence::announce(delivery, &presence).await;
    }
    Ok(())
}
