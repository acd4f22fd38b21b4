use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use super::Problem;
use crate::Error;
use crate::domain::{Invalid, MessageId, UserId};
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

impl<T: Segment, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // A segment that is not UTF-8 is no id either.
        let segment = Path::<String>::from_request_parts(parts, state).await;
        let text = segment.map_or_else(|_| String::new(), |Path(text)| text);
        T::parse(&text)
            .map(Self)
            .map_err(|invalid| Error::Invalid(vec![FieldError::from_invalid(T::NAME, &invalid)]).into())
    }
}
