//! AWS Signature Version 4, as whoever is called checks it.
//!
//! The request is brought into the canonical form that the caller signed, and the signature made anew with the secret key
//! that both have. The words of the refusals are API Gateway's.

mod authorization;
mod canonical;

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use sha2::Sha256;
use shared::Clock;

use super::error::ApiError;
use crate::gateway::Credentials;
use authorization::{Authorization, Scope};

const DATE_HEADER: &str = "x-amz-date";
const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// The headers that every signature covers: what a recorded request could be turned to other ends by.
const REQUIRED_HEADERS: [&str; 2] = ["host", DATE_HEADER];

/// How far a caller's clock may be off, in either direction.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

/// Checks signatures.
pub(super) struct Verifier {
    credentials: Credentials,
    clock: Arc<dyn Clock>,
}

/// A signature that nothing is wrong with as far as a request's head tells.
pub(super) struct Claim {
    authorization: Authorization,
    date_time: String,
}

impl Verifier {
    /// Checks signatures that were made with `credentials`.
    pub(super) fn new(credentials: Credentials, clock: Arc<dyn Clock>) -> Self {
        Self { credentials, clock }
    }

    /// What can be checked without the body: whether the request is signed, now, and by whom it should be.
    pub(super) fn examine(&self, head: &Parts) -> Result<Claim, ApiError> {
        let authorization = Authorization::of(&head.headers)?;
        let date_time = self.date_time(head)?;
        if date_time.split('T').next() != Some(&authorization.scope.date) {
            let message = format!("Date in Credential scope does not match the date of {DATE_HEADER}");
            return Err(ApiError::invalid_signature(message));
        }
        let covers = |name: &&str| authorization.signed_headers.split(';').any(|signed| signed == *name);
        if let Some(missing) = REQUIRED_HEADERS.iter().find(|name| !covers(name)) {
            let message = format!("'{missing}' must be a 'SignedHeader' in the AWS Authorization");
            return Err(ApiError::invalid_signature(message));
        }
        if authorization.access_key_id != self.credentials.access_key_id() {
            return Err(ApiError::unknown_signer());
        }
        Ok(Claim {
            authorization,
            date_time,
        })
    }

    /// Whether the signature is that of the whole request.
    pub(super) fn confirm(&self, claim: &Claim, head: &Parts, body: &[u8]) -> Result<(), ApiError> {
        let Claim {
            authorization:
                Authorization {
                    scope,
                    signed_headers,
                    signature,
                    ..
                },
            date_time,
        } = claim;
        let digest = hex::encode(canonical::digest(head, signed_headers, body));
        let to_sign = format!("AWS4-HMAC-SHA256\n{date_time}\n{scope}\n{digest}");
        let key = self.signing_key(scope).map_err(|_| ApiError::wrong_signature())?;
        let mac = keyed(&key).map_err(|_| ApiError::wrong_signature())?;
        // In constant time: how much of a signature is right must not be told.
        mac.chain_update(to_sign)
            .verify_slice(signature)
            .map_err(|_| ApiError::wrong_signature())
    }

    /// When the request was signed, as the caller writes it, if that is not too long ago.
    fn date_time(&self, head: &Parts) -> Result<String, ApiError> {
        let text = head.headers.get(DATE_HEADER).and_then(|value| value.to_str().ok());
        let text = text.unwrap_or_default();
        let Ok(signed_at) = NaiveDateTime::parse_from_str(text, DATE_FORMAT) else {
            let message =
                format!("Authorization header requires a date, such as 20250316T004622Z, in the header {DATE_HEADER}");
            return Err(ApiError::incomplete_signature(message));
        };
        check_skew(signed_at.and_utc(), self.clock.now())?;
        Ok(text.to_owned())
    }

    fn signing_key(&self, scope: &Scope) -> Result<[u8; 32], InvalidLength> {
        let secret = format!("AWS4{}", self.credentials.secret_access_key());
        let by_date = authenticated(secret.as_bytes(), &scope.date)?;
        let by_region = authenticated(&by_date, &scope.region)?;
        let by_service = authenticated(&by_region, Scope::SERVICE)?;
        authenticated(&by_service, Scope::TERMINATOR)
    }
}

fn check_skew(signed_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), ApiError> {
    let time = |time: DateTime<Utc>| time.format(DATE_FORMAT);
    if signed_at < now - CLOCK_SKEW {
        let message = format!(
            "Signature expired: {} is now earlier than {} ({} - 5 min.)",
            time(signed_at),
            time(now - CLOCK_SKEW),
            time(now)
        );
        return Err(ApiError::invalid_signature(message));
    }
    if signed_at > now + CLOCK_SKEW {
        let message = format!(
            "Signature not yet current: {} is still later than {} ({} + 5 min.)",
            time(signed_at),
            time(now + CLOCK_SKEW),
            time(now)
        );
        return Err(ApiError::invalid_signature(message));
    }
    Ok(())
}

fn keyed(key: &[u8]) -> Result<Hmac<Sha256>, InvalidLength> {
    Hmac::new_from_slice(key)
}

fn authenticated(key: &[u8], text: &str) -> Result<[u8; 32], InvalidLength> {
    Ok(keyed(key)?.chain_update(text).finalize().into_bytes().into())
}

#[cfg(test)]
mod tests;
