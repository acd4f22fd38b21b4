//! Who writes at the moment.

use super::Delivery;
use crate::Error;
use crate::db;
use crate::domain::{ConnectionId, Destination};
use crate::frames;

/// Tells the others of a conversation that the connection's user writes, or has stopped.
///
/// # Errors
/// As [`db::typing::note`].
pub async fn pass_on(
    delivery: &Delivery,
    connection: &ConnectionId,
    destination: Destination,
    active: bool,
) -> Result<(), Error> {
    let typing = db::typing::note(delivery.db(), connection, destination).await?;
    let frame = frames::typing(typing.user_id, typing.conversation_id, active);
    delivery.post_to_all(typing.connections, &frame).await;
    Ok(())
}
