//! Who may do what how often.

use std::time::Duration;

use crate::Error;
use crate::db::rate_limits::{self, Bucket};
use crate::db::{Database, DbError};
use crate::domain::{Email, SourceAddress, UserId};
use crate::error::Quota;

/// Attempts to log in for each pair of e-mail and source address.
const PAIR_ATTEMPTS: u16 = 10;

/// The seconds within which all of them come back.
const PAIR_SECONDS: u16 = 300;

/// Takes one of a user's 60 REST requests a minute.
///
/// # Errors
/// [`Error::RateLimited`], or what the database says.
pub async fn take_request(db: &Database, user: UserId) -> Result<Quota, Error> {
    Limit::new(format!("request:{user}"), 60, 60).take(db).await
}

/// Takes one of an address' 20 registrations a minute. This machine has no limit.
///
/// # Errors
/// [`Error::RateLimited`], or what the database says.
pub async fn take_registration(db: &Database, source: Option<SourceAddress>) -> Result<Option<Quota>, Error> {
    match by_address("register", source, 20, 60) {
        Some(limit) => limit.take(db).await.map(Some),
        None => Ok(None),
    }
}

/// An attempt to log in that was counted before the password was looked at.
pub struct LoginAttempt {
    limits: Vec<Limit>,
    /// What is left for this pair of e-mail and source address.
    pub quota: Quota,
}

impl LoginAttempt {
    /// Counts an attempt: 10 in 5 minutes for each pair of e-mail and source address, 100 for each address. An account can't be locked
    /// for those who come from elsewhere.
    ///
    /// # Errors
    /// [`Error::RateLimited`], or what the database says.
    pub async fn count(db: &Database, email: &str, source: Option<SourceAddress>) -> Result<Self, Error> {
        let pair = Limit::new(login_key(email, source), PAIR_ATTEMPTS, PAIR_SECONDS);
        let mut limits = Vec::new();
        if let Some(address) = by_address("login", source, 100, 300) {
            address.take(db).await?;
            limits.push(address);
        }
        match pair.take(db).await {
            Ok(quota) => {
                limits.push(pair);
                Ok(Self { limits, quota })
            }
            Err(error) => {
                give_back_all(db, &limits).await;
                Err(error)
            }
        }
    }

    /// The password was right: the attempt does not count.
    pub async fn give_back(mut self, db: &Database) -> Quota {
        give_back_all(db, &self.limits).await;
        let one_attempt = Duration::from_secs(u64::from(PAIR_SECONDS / PAIR_ATTEMPTS));
        self.quota.reset = self.quota.reset.saturating_sub(one_attempt);
        self.quota.remaining = (self.quota.remaining + 1).min(self.quota.limit);
        self.quota
    }
}

async fn give_back_all(db: &Database, limits: &[Limit]) {
    for limit in limits {
        if let Err(error) = rate_limits::give_back(db, limit.bucket()).await {
            tracing::warn!(%error, "a token was not given back");
        }
    }
}

struct Limit {
    key: String,
    capacity: u16,
    period_seconds: u16,
}

impl Limit {
    fn new(key: String, capacity: u16, period_seconds: u16) -> Self {
        Self {
            key,
            capacity,
            period_seconds,
        }
    }

    fn bucket(&self) -> Bucket<'_> {
        Bucket {
            key: &self.key,
            capacity: self.capacity,
            period_seconds: self.period_seconds,
        }
    }

    async fn take(&self, db: &Database) -> Result<Quota, Error> {
        match rate_limits::take(db, self.bucket()).await? {
            (quota, true) => Ok(quota),
            (quota, false) => Err(Error::RateLimited(quota)),
        }
    }
}

/// The limit of an address alone, which this machine itself does not have.
fn by_address(what: &str, source: Option<SourceAddress>, capacity: u16, period_seconds: u16) -> Option<Limit> {
    let is_loopback = source.is_some_and(SourceAddress::is_loopback);
    let key = format!("{what}:{}", source_key(source));
    (!is_loopback).then(|| Limit::new(key, capacity, period_seconds))
}

/// All whose address nobody knows count as one.
fn source_key(source: Option<SourceAddress>) -> String {
    source.map_or_else(|| "unknown".to_owned(), |source| source.to_string())
}

/// Any text can be sent as an e-mail address, so its digest is what is kept: of fixed length, and no address of a person.
fn login_key(email: &str, source: Option<SourceAddress>) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(Email::normalise(email));
    let source = source_key(source);
    digest
        .iter()
        .fold(format!("login:{source}:"), |key, byte| key + &format!("{byte:02x}"))
}

/// Whether the task `key` is due: at most once a minute over all instances.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub(super) async fn is_due(db: &Database, key: &str) -> Result<bool, DbError> {
    let bucket = Bucket {
        key,
        capacity: 1,
        period_seconds: 60,
    };
    rate_limits::take(db, bucket).await.map(|(_, due)| due)
}
