//! Accounts: registering, logging in, one's own profile.

use super::rate_limits::{self, LoginAttempt};
use super::upkeep;
use crate::Error;
use crate::crypto::{Passwords, Tokens};
use crate::db::users::{Found, User};
use crate::db::{self, Database};
use crate::domain::{Email, NamePrefix, Password, SourceAddress, UserId, Username};
use crate::error::Quota;

/// Somebody who wants an account.
#[derive(Debug)]
pub struct NewUser {
    /// The name they chose.
    pub username: Username,
    /// Their address.
    pub email: Email,
    /// The password they chose.
    pub password: Password,
}

/// Makes an account. The answer tells how the address' limit stands, where it has one.
///
/// # Errors
/// [`Error::RateLimited`], [`Error::UsernameTaken`], [`Error::EmailTaken`], or what the database says.
pub async fn register(
    db: &Database,
    passwords: &Passwords,
    new: NewUser,
    source: Option<SourceAddress>,
) -> Result<Option<Quota>, Error> {
    let quota = rate_limits::take_registration(db, source).await?;
    let hash = passwords.hash(new.password).await?;
    db::users::insert(db, &new.username, &new.email, &hash).await?;
    Ok(quota)
}

/// Logs a user in: a token, and how the limit of attempts stands.
///
/// An unknown address takes the same way, work and answer as a wrong password.
///
/// # Errors
/// [`Error::RateLimited`], [`Error::BadCredentials`], or what the database says.
pub async fn log_in(
    db: &Database,
    passwords: &Passwords,
    tokens: &Tokens,
    email: &str,
    password: String,
    source: Option<SourceAddress>,
) -> Result<(String, Quota), Error> {
    let attempt = LoginAttempt::count(db, email, source).await?;
    // A text that is no address is looked up all the same, as an address that nobody has: the timing must not tell them apart.
    let address = Email::parse(email).unwrap_or_else(|_| Email::nobodys());
    let credentials = db::users::find_credentials(db, &address).await?;
    let (user, hash) = credentials
        .map(|credentials| (credentials.user_id, credentials.password_hash))
        .unzip();
    if !passwords.verify(password, hash).await? {
        // Whoever guesses fills the table of buckets: where nobody connects, nobody else sweeps it.
        upkeep::sweep_buckets_if_due(db).await;
        return Err(Error::BadCredentials);
    }
    let token = tokens.issue(user.ok_or(Error::BadCredentials)?)?;
    Ok((token, attempt.give_back(db).await))
}

/// A user's own account.
///
/// # Errors
/// [`Error::Unauthenticated`] where it is gone, or what the database says.
pub async fn profile(db: &Database, user: UserId) -> Result<User, Error> {
    db::users::find(db, user).await?.ok_or(GONE)
}

/// How many users one search finds.
const SEARCH_RESULTS: i64 = 20;

/// Finds users by the beginning of their names.
///
/// # Errors
/// What the database says.
pub async fn search(db: &Database, prefix: &NamePrefix) -> Result<Vec<Found>, Error> {
    Ok(db::users::search(db, prefix, SEARCH_RESULTS).await?)
}

/// Changes what is given of a user's own account.
///
/// # Errors
/// [`Error::UsernameTaken`], [`Error::EmailTaken`], [`Error::Unauthenticated`] where the account is gone, or what the database says.
pub async fn update_profile(
    db: &Database,
    user: UserId,
    username: Option<&Username>,
    email: Option<&Email>,
) -> Result<User, Error> {
    db::users::update(db, user, username, email).await?.ok_or(GONE)
}

const GONE: Error = Error::Unauthenticated("the user of this token is gone");
