//! Sending, editing and deleting.

use super::Delivery;
use crate::Error;
use crate::db::messages::NewMessage;
use crate::db::{self, Database};
use crate::domain::{Content, Message, MessageId, UserId};

/// Stores a message and has it pushed to everyone in the conversation.
///
/// # Errors
/// As [`db::messages::send`]; nothing is stored or pushed then. [`Error::Unavailable`] leaves open whether it was stored.
pub async fn send(db: &Database, delivery: &Delivery, new: &NewMessage<'_>) -> Result<(), Error> {
    let sent = db::messages::send(db, new).await?;
    if sent.repeated {
        delivery.answer_repeat(new.connection, sent, new.client_id).await;
    } else {
        delivery.announce_message(sent, new.client_id).await;
    }
    Ok(())
}

/// Edits a user's own message and tells everyone.
///
/// # Errors
/// As [`db::messages::edit`].
pub async fn edit(
    db: &Database,
    delivery: &Delivery,
    user: UserId,
    message: MessageId,
    content: &Content,
) -> Result<Message, Error> {
    let changed = db::messages::edit(db, user, message, content).await?;
    let message = changed.message.clone();
    delivery.announce_change(changed).await;
    Ok(message)
}

/// Deletes a user's own message and tells everyone; a repeat changes nothing and has the same answer.
///
/// # Errors
/// As [`db::messages::delete`].
pub async fn delete(db: &Database, delivery: &Delivery, user: UserId, message: MessageId) -> Result<Message, Error> {
    let changed = db::messages::delete(db, user, message).await?;
    let message = changed.message.clone();
    delivery.announce_change(changed).await;
    Ok(message)
}
