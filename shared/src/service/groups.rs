//! The life of a group, told to everyone in it.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::Delivery;
use crate::Error;
use crate::db;
use crate::db::connections::Connection;
use crate::db::groups::{Change, ChangeKind, Recipient};
use crate::domain::{ConversationId, GroupName, Role, UserId};
use crate::frames::{self, Membership};

/// The most members that a group has.
pub const MAX_MEMBERS: usize = 256;

/// Makes a group of its owner and others. Each of them is told that they are in it.
///
/// # Errors
/// As [`db::groups::create`].
pub async fn create(
    delivery: &Delivery,
    owner: UserId,
    name: &GroupName,
    others: &BTreeSet<UserId>,
) -> Result<ConversationId, Error> {
    let change = db::groups::create(delivery.db(), owner, name, others).await?;
    let conversation = change.conversation_id;
    announce(delivery, change).await;
    Ok(conversation)
}

/// Adds a user to a group, or changes the role of a member.
///
/// # Errors
/// As [`db::groups::set_member`].
pub async fn set_member(
    delivery: &Delivery,
    actor: UserId,
    conversation: ConversationId,
    user: UserId,
    role: Option<Role>,
) -> Result<Change, Error> {
    let change = db::groups::set_member(delivery.db(), actor, conversation, user, role).await?;
    announce(delivery, change.clone()).await;
    Ok(change)
}

/// Removes a member of a group, or leaves it.
///
/// # Errors
/// As [`db::groups::remove_member`].
pub async fn remove_member(
    delivery: &Delivery,
    actor: UserId,
    conversation: ConversationId,
    user: UserId,
) -> Result<Change, Error> {
    let change = db::groups::remove_member(delivery.db(), actor, conversation, user).await?;
    announce(delivery, change.clone()).await;
    Ok(change)
}

/// Names a group anew.
///
/// # Errors
/// As [`db::groups::rename`].
pub async fn rename(
    delivery: &Delivery,
    actor: UserId,
    conversation: ConversationId,
    name: &GroupName,
) -> Result<(), Error> {
    let change = db::groups::rename(delivery.db(), actor, conversation, name).await?;
    announce(delivery, change).await;
    Ok(())
}

async fn announce(delivery: &Delivery, change: Change) {
    match change.kind {
        ChangeKind::Unchanged => {}
        ChangeKind::Created => tell_each_of_themselves(delivery, &change).await,
        ChangeKind::Added | ChangeKind::RoleChanged => tell_of_member(delivery, change, frames::member_added).await,
        ChangeKind::Removed => tell_of_member(delivery, change, frames::member_removed).await,
        ChangeKind::Renamed => {
            let frame = frames::conversation_updated(change.conversation_id, change.version, &change.name);
            delivery.post_to_all(connections(change), &frame).await;
        }
    }
}

/// In a new group everyone is told that they are in it: told of each other, the frames would be their number squared.
async fn tell_each_of_themselves(delivery: &Delivery, change: &Change) {
    let own_frame = |recipient: &Recipient| {
        let is_owner = recipient.user_id == change.user_id;
        let role = if is_owner { Role::Owner } else { Role::Member };
        let membership = membership(change, recipient.user_id, &recipient.username, role);
        (recipient.connection.clone(), frames::member_added(membership))
    };
    let frames = change.audience.iter().map(own_frame).collect();
    delivery.post_one_to_each(frames).await;
}

async fn tell_of_member(delivery: &Delivery, change: Change, frame: fn(Membership<'_>) -> Bytes) {
    let (Some(username), Some(role)) = (&change.username, change.role) else {
        return;
    };
    let frame = frame(membership(&change, change.user_id, username, role));
    delivery.post_to_all(connections(change), &frame).await;
}

fn membership<'a>(change: &'a Change, user_id: UserId, username: &'a str, role: Role) -> Membership<'a> {
    Membership {
        conversation_id: change.conversation_id,
        version: change.version,
        name: &change.name,
        user_id,
        username,
        role,
    }
}

fn connections(change: Change) -> Vec<Connection> {
    let recipients = change.audience.into_iter();
    recipients.map(|recipient| recipient.connection).collect()
}
