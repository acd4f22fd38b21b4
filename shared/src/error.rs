//! The one error type of all use cases. It knows nothing of HTTP or frames: [`crate::http`] and [`crate::ws`] each map it once.

use std::time::Duration;

use crate::domain::Invalid;

/// Why a use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields that break a rule, with the reason for each.
    #[error("{}", list(.0))]
    Invalid(Vec<FieldError>),
    /// The user name belongs to somebody.
    #[error("the user name is taken")]
    UsernameTaken,
    /// The e-mail address belongs to somebody.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// No token, or one that is forged, expired or of a user who is gone.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The e-mail address is unknown or the password wrong; it is never said which.
    #[error("the e-mail address or the password is wrong")]
    BadCredentials,
    /// What is there, but not theirs to change.
    #[error("{0}")]
    Forbidden(&'static str),
    /// No user with this id.
    #[error("there is no such user")]
    UnknownUser,
    /// No conversation with this id, or not one of the user's.
    #[error("there is no such conversation")]
    UnknownConversation,
    /// No message with this id, or a deleted one.
    #[error("there is no such message")]
    UnknownMessage,
    /// The user does not take part in the group.
    #[error("there is no such member")]
    UnknownMember,
    /// Direct conversations have no name, roles or comings and goings.
    #[error("a direct conversation can't be changed like a group")]
    NotAGroup,
    /// A group always has an owner.
    #[error("the last owner of a group hands over before leaving")]
    LastOwner,
    /// A group has as many members as it may.
    #[error("the group is full")]
    GroupFull,
    /// The `client_id` stands for another message of this sender.
    #[error("this client_id was first sent with another receiver or content")]
    ClientIdConflict,
    /// A bucket is empty.
    #[error("too many requests")]
    RateLimited(Quota),
    /// The connection has no row: its lease ran out, or it never got one.
    #[error("the connection is not registered")]
    UnknownConnection,
    /// The database is away or too slow. What was asked may have happened or not.
    #[error("the service is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A fault of ours.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A single field that breaks a rule.
    #[must_use]
    pub fn field(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, reason)])
    }

    /// What programs match on. Stable; all of them stand in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_field",
            Self::UsernameTaken => "username_taken",
            Self::EmailTaken => "email_taken",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::BadCredentials => "bad_credentials",
            Self::Forbidden(_) => "forbidden",
            Self::UnknownUser => "unknown_user",
            Self::UnknownConversation => "unknown_conversation",
            Self::UnknownMessage => "unknown_message",
            Self::UnknownMember => "unknown_member",
            Self::NotAGroup => "not_a_group",
            Self::LastOwner => "last_owner",
            Self::GroupFull => "group_full",
            Self::ClientIdConflict => "client_id_conflict",
            Self::RateLimited(_) => "rate_limited",
            Self::UnknownConnection => "unknown_connection",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// The error with all its causes, for the log.
    #[must_use]
    pub fn chain(&self) -> String {
        let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
        causes.fold(self.to_string(), |text, cause| format!("{text}: {cause}"))
    }
}

/// One field of a request that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// The member, parameter or path segment.
    pub field: &'static str,
    /// What it must be instead.
    pub reason: String,
}

impl FieldError {
    /// A field and why it is refused.
    pub fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self {
            field,
            reason: reason.into(),
        }
    }

    /// A field and the rule of its type that it breaks.
    #[must_use]
    pub fn from_invalid(field: &'static str, invalid: &Invalid) -> Self {
        Self::new(field, invalid.to_string())
    }
}

fn list(fields: &[FieldError]) -> String {
    let clauses: Vec<_> = fields
        .iter()
        .map(|error| format!("{} {}", error.field, error.reason))
        .collect();
    clauses.join("; ")
}

/// How a rate limit stands after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The bucket's size, in tokens.
    pub limit: u32,
    /// Whole tokens left.
    pub remaining: u32,
    /// Until the bucket is full again.
    pub reset: Duration,
    /// Until the next attempt is allowed; zero where this one was.
    pub retry_after: Duration,
}

impl Quota {
    /// A bucket of `limit` tokens without one, until `retry_after` has passed.
    #[must_use]
    pub fn empty(limit: u32, retry_after: Duration) -> Self {
        Self {
            limit,
            remaining: 0,
            reset: retry_after,
            retry_after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../docs/errors.md");

    /// One of each variant. `code` matches exhaustively, so whoever adds a variant comes by here.
    fn all() -> Vec<Error> {
        let quota = Quota {
            limit: 1,
            remaining: 0,
            reset: Duration::ZERO,
            retry_after: Duration::ZERO,
        };
        vec![
            Error::field("to", "is required"),
            Error::UsernameTaken,
            Error::EmailTaken,
            Error::Unauthenticated("no token"),
            Error::BadCredentials,
            Error::Forbidden("not yours"),
            Error::UnknownUser,
            Error::UnknownConversation,
            Error::UnknownMessage,
            Error::UnknownMember,
            Error::NotAGroup,
            Error::LastOwner,
            Error::GroupFull,
            Error::ClientIdConflict,
            Error::RateLimited(quota),
            Error::UnknownConnection,
            Error::Unavailable("away".into()),
            Error::Internal("broken".into()),
        ]
    }

    #[test]
    fn every_code_stands_in_the_table_of_the_docs() {
        let codes = all().into_iter().map(|error| error.code());
        let codes = codes.chain([
            "invalid_json",
            "unknown_type",
            "payload_too_large",
            "unsupported_media_type",
        ]);
        for code in codes {
            assert!(
                DOCUMENT.contains(&format!("`{code}`")),
                "{code} is missing in docs/errors.md"
            );
        }
    }

    #[test]
    fn the_log_gets_the_whole_chain_of_causes() {
        let inner = Error::Internal("broken pipe".into());
        assert_eq!(
            Error::Unavailable(inner.into()).chain(),
            "the service is unavailable: internal error: broken pipe"
        );
    }
}
