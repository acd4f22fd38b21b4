//! Holds what the devices know, and what they were told, against the database.

mod database;
mod journals;
#[cfg(test)]
mod tests;
mod views;

use uuid::Uuid;

use crate::device::Record;
use crate::journal::Acknowledged;
use crate::replica::Seen;
use crate::truth::Truth;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("lost: {device} has {client_id} acknowledged as {acknowledged:?}, which the database does not have")]
    Lost {
        device: String,
        client_id: String,
        acknowledged: Acknowledged,
    },
    #[error("doubled: {client_id} is stored {count} times")]
    Doubled { client_id: String, count: usize },
    #[error("hole: in conversation {conversation} stands seq {found} where {expected} was expected")]
    Hole {
        conversation: Uuid,
        expected: i64,
        found: i64,
    },
    #[error("version taken twice: {version} in conversation {conversation}")]
    VersionTakenTwice { conversation: Uuid, version: i64 },
    #[error("missing: {device} lacks seq {seq} of conversation {conversation}")]
    Missing {
        device: String,
        conversation: Uuid,
        seq: i64,
    },
    #[error("views differ: {device} has message {id} as {seen:?}, the database as {stored:?}")]
    Differs {
        device: String,
        id: Uuid,
        seen: Seen,
        stored: Seen,
    },
    #[error("views differ: {device} has {what} of conversation {conversation} as {seen}, the database as {stored}")]
    StateDiffers {
        device: String,
        conversation: Uuid,
        what: String,
        seen: String,
        stored: String,
    },
    #[error("phantom: {device} has message {id}, which the database does not have")]
    Phantom { device: String, id: Uuid },
    #[error("foreign: {device} has seq {seq} of conversation {conversation}, which its user may not see")]
    Foreign {
        device: String,
        conversation: Uuid,
        seq: i64,
    },
    #[error(
        "watermark went back: {device} was told {what} {told} of {user} in conversation {conversation}, and then it was {found}"
    )]
    WentBack {
        device: String,
        conversation: Uuid,
        user: Uuid,
        what: &'static str,
        told: i64,
        found: i64,
    },
    #[error("lost change: {device} has {what} message {id}, and the database does not know of that")]
    LostChange {
        device: String,
        what: &'static str,
        id: Uuid,
    },
    #[error("told too early: {device} was told version {version} of message {id} before the database had it")]
    ToldTooEarly { device: String, id: Uuid, version: i64 },
    #[error("trespass: {sender} wrote seq {seq} of conversation {conversation} without being a member then")]
    Trespass { sender: Uuid, conversation: Uuid, seq: i64 },
    #[error("unguarded: the database would take {what}")]
    Unguarded { what: &'static str },
    #[error("fault of the product's own: {line}")]
    Internal { line: String },
    #[error("contradiction: {device}: {what}")]
    Contradiction { device: String, what: String },
}

/// All that is wrong with what the devices know.
pub(crate) fn check(truth: &Truth, records: &[Record]) -> Vec<Violation> {
    let mut violations = database::check(truth);
    for record in records {
        violations.extend(journals::check(truth, record));
        violations.extend(views::check(truth, record));
    }
    violations
}
