use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::{Problem, RateLimited};
use crate::Error;
use crate::crypto::Tokens;
use crate::db::Database;
use crate::domain::UserId;
use crate::service::rate_limits;

/// What decides who gets in.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) tokens: Tokens,
    pub(super) db: Database,
}

/// The user whose token came with the request. To extract behind [`super::authenticated`].
#[derive(Debug, Clone, Copy)]
pub struct CurrentUser(pub UserId);

impl<S: Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let user = parts.extensions.get().copied();
        user.ok_or_else(|| Error::Internal("the route is not behind authentication".into()).into())
    }
}

/// Lets a request in that has a token, and counts it.
pub(super) async fn authenticate(
    State(gate): State<Gate>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let token = bearer_token(request.headers()).ok_or(Error::Unauthenticated(
        "this needs a token in the header Authorization: Bearer",
    ))?;
    let user = gate.tokens.verify(token)?;
    let quota = rate_limits::take_request(&gate.db, user).await?;
    request.extensions_mut().insert(CurrentUser(user));
    Ok(RateLimited(Some(quota), next.run(request).await).into_response())
}

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1); the scheme's case does not matter (RFC 9110, section 11.1).
#[must_use]
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, header.parse().unwrap());
        bearer_token(&headers).map(str::to_owned)
    }

    #[test]
    fn a_bearer_token_is_read_whatever_the_schemes_case() {
        assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token("bearer  abc ").as_deref(), Some("abc"));
    }

    #[test]
    fn other_schemes_and_empty_tokens_are_no_token() {
        for header in ["Basic abc", "Bearer", "Bearer ", "abc", ""] {
            assert_eq!(token(header), None, "{header:?}");
        }
    }
}
