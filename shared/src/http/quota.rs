use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName};

use crate::error::Quota;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// An answer that tells how the client's rate limit stands, where one applies.
pub struct RateLimited<T>(pub Option<Quota>, pub T);

impl<T: IntoResponse> IntoResponse for RateLimited<T> {
    fn into_response(self) -> Response {
        let mut response = self.1.into_response();
        if let Some(quota) = &self.0 {
            write(response.headers_mut(), quota);
        }
        response
    }
}

/// Writes the three headers, unless a closer limit already did.
pub(super) fn write(headers: &mut HeaderMap, quota: &Quota) {
    if headers.contains_key(LIMIT) {
        return;
    }
    headers.insert(LIMIT, quota.limit.into());
    headers.insert(REMAINING, quota.remaining.into());
    headers.insert(RESET, whole_seconds(quota.reset).into());
}

/// Seconds, rounded up: who waits that long does not come too early.
pub(super) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!(whole_seconds(Duration::ZERO), 0);
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(7)), 7);
    }
}
