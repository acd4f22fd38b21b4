//! Types that can't hold an invalid value. Everything that a client sends becomes one of them before anything else sees it.

mod activity;
mod client_id;
mod connection;
mod content;
mod cursor;
mod destination;
mod email;
mod group_name;
mod ids;
mod message;
mod page;
mod password;
mod presence;
mod role;
mod source;
mod username;

pub use activity::Activity;
pub use client_id::ClientId;
pub use connection::ConnectionId;
pub use content::Content;
pub use cursor::Before;
pub use destination::Destination;
pub use email::Email;
pub use group_name::GroupName;
pub use ids::{ConversationId, ConversationRef, MessageId, UserId};
pub use message::Message;
pub use page::PageSize;
pub use password::Password;
pub use presence::Presence;
pub use role::Role;
pub use source::SourceAddress;
pub use username::{NamePrefix, Username};

/// Why a value is refused, as a clause that follows the field's name: "must have 3 to 32 characters, not 2".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

impl Invalid {
    /// A refusal with its reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Checks that `text` has `range` code points.
fn check_length(text: &str, range: std::ops::RangeInclusive<usize>) -> Result<(), Invalid> {
    let length = text.chars().count();
    if range.contains(&length) {
        return Ok(());
    }
    let (shortest, longest) = (range.start(), range.end());
    Err(Invalid::new(format!(
        "must have {shortest} to {longest} characters, not {length}"
    )))
}

/// Postgres' `text` can't hold U+0000.
fn check_no_nul(text: &str) -> Result<(), Invalid> {
    if text.contains('\0') {
        return Err(Invalid::new("must not contain the character U+0000"));
    }
    Ok(())
}

/// Somebody has to see something.
fn check_not_blank(text: &str) -> Result<(), Invalid> {
    if text.chars().all(char::is_whitespace) {
        return Err(Invalid::new("must not be only white space"));
    }
    Ok(())
}
