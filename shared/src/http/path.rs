use axum::extract::FromRequestParts;
use http::request::Parts;
use lambda_http::RequestExt;

use super::Problem;
use crate::Error;
use crate::domain::{ConversationId, ConversationRef, Invalid, MessageId, UserId};
use crate::error::FieldError;

/// An id that is the one variable segment of the path.
#[derive(Debug, Clone, Copy)]
pub struct PathId<T>(pub T);

/// An id that can stand in a path.
pub trait Segment: Sized {
    /// The segment's name in the contract, for the error.
    const NAME: &'static str;

    /// Reads it.
    ///
    /// # Errors
    /// [`Invalid`] where it is no id.
    fn parse(text: &str) -> Result<Self, Invalid>;
}

impl Segment for UserId {
    const NAME: &'static str = "userId";

    fn parse(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

impl Segment for MessageId {
    const NAME: &'static str = "id";

    fn parse(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

impl Segment for ConversationId {
    const NAME: &'static str = "id";

    fn parse(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

impl Segment for ConversationRef {
    const NAME: &'static str = "id";

    fn parse(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

impl<T: Segment, S: Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // As the gateway's route has it. The router's path is made of the decoded one: a `?` in a segment ends it there.
        let segment = parts.extensions.path_parameters_ref();
        let text = segment.and_then(|parameters| parameters.first(T::NAME));
        parse(text.unwrap_or_default()).map(Self)
    }
}

/// What a router answers where the gateway's route matched and its own did not: the segment, once decoded, is none.
///
/// # Errors
/// The problem of a segment that is no id.
pub async fn not_an_id<T: Segment>() -> Result<(), Problem> {
    parse::<T>("").map(drop)
}

fn parse<T: Segment>(text: &str) -> Result<T, Problem> {
    T::parse(text).map_err(|invalid| Error::Invalid(vec![FieldError::from_invalid(T::NAME, &invalid)]).into())
}
