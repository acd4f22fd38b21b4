//! Read marks: how far everyone has read.

use super::Delivery;
use crate::Error;
use crate::db::watermarks::ReadMark;
use crate::db::{self};
use crate::domain::{ConnectionId, ConversationId, UserId};
use crate::frames;

/// Moves a user's read mark up to `seq`, or to the end, and tells everyone in the conversation if it moved. Returns where it stands.
///
/// # Errors
/// As [`db::watermarks::mark_read`].
pub async fn mark_read(
    delivery: &Delivery,
    user: UserId,
    conversation: ConversationId,
    seq: Option<i64>,
) -> Result<i64, Error> {
    let mark = db::watermarks::mark_read(delivery.db(), user, conversation, seq).await?;
    let frame = frames::conversation_read(conversation, user, mark.seq);
    let ReadMark { seq, connections, .. } = mark;
    delivery.post_to_all(connections, &frame).await;
    Ok(seq)
}

/// As [`mark_read`], asked for by a frame. Where the mark stands already is answered on the asking connection.
///
/// # Errors
/// As [`db::watermarks::mark_read_from`].
pub async fn mark_read_from(
    delivery: &Delivery,
    connection: &ConnectionId,
    conversation: ConversationId,
    seq: Option<i64>,
) -> Result<(), Error> {
    let (user, mark) = db::watermarks::mark_read_from(delivery.db(), connection, conversation, seq).await?;
    let frame = frames::conversation_read(conversation, user, mark.seq);
    if mark.moved {
        delivery.post_to_all(mark.connections, &frame).await;
    } else {
        delivery.reply(connection, frame).await;
    }
    Ok(())
}
