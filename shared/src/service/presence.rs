//! Who is online, told to their contacts and nobody else: the cost grows with one's contacts, not with all users.

use super::Delivery;
use super::backlog::Interrupted;
use crate::db;
use crate::domain::{ConnectionId, Presence, UserId};
use crate::frames;

/// How many users one frame names.
const USERS_IN_A_FRAME: usize = 1_000;

/// Tells a user's contacts that they came or went. Who misses it sees it on their next connect.
pub(super) async fn announce(delivery: &Delivery, presence: &Presence) {
    match db::presence::list_audience(delivery.db(), presence.user_id).await {
        Ok(audience) => {
            let frame = frames::presence_change(presence);
            delivery.post_to_all(audience, &frame).await;
        }
        Err(error) => tracing::warn!(user = %presence.user_id, %error, "a change of presence was not told"),
    }
}

/// Tells a new connection which of its user's contacts are online, in parts.
pub(super) async fn tell_online(
    delivery: &Delivery,
    connection: &ConnectionId,
    user: UserId,
) -> Result<(), Interrupted> {
    let online = db::presence::list_online(delivery.db(), user).await?;
    if online.is_empty() {
        delivery.push().post(connection, frames::online_users(&[])).await?;
    }
    for part in online.chunks(USERS_IN_A_FRAME) {
        delivery.push().post(connection, frames::online_users(part)).await?;
    }
    Ok(())
}
