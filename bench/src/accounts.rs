//! The users: always the same, so that a second run logs in where the first had to register.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::Failure;
use crate::progress;
use crate::rest::{Rest, RestError};

/// How many are logged in at a time: hashing a password keeps a processor busy.
const AT_A_TIME: usize = 4;

/// How often a refusal that asks to wait is waited for.
const TRIES: usize = 100;

const PASSWORD: &str = "Load-generator-1";

/// A user with a token.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// Logs so many users in, and registers those who don't exist.
pub(crate) async fn prepare(rest: &Rest, prefix: &str, count: usize) -> Result<Vec<Account>, Failure> {
    // The last one shows what the next most likely needs: an attempt for nothing costs the server a hash.
    let registered = AtomicBool::new(true);
    let mut preparing = stream::iter(0..count)
        .map(|number| prepare_one(rest, format!("{prefix}{number:05}"), &registered))
        .buffered(AT_A_TIME);
    let mut accounts = Vec::with_capacity(count);
    while let Some(account) = preparing.try_next().await? {
        accounts.push(account);
        progress::prepared(accounts.len(), count, "users logged in");
    }
    Ok(accounts)
}

async fn prepare_one(rest: &Rest, name: String, registered: &AtomicBool) -> Result<Account, Failure> {
    let email = format!("{name}@example.com");
    let known = if registered.load(Ordering::Relaxed) {
        login(rest, &email).await?
    } else {
        None
    };
    let token = if let Some(token) = known {
        token
    } else {
        let exists = !register(rest, &name, &email).await?;
        registered.store(exists, Ordering::Relaxed);
        let refused = || format!("{email} exists, but not with the load generator's password: choose another --prefix");
        login(rest, &email).await?.ok_or_else(refused)?
    };
    let profile = patiently(|| rest.call(Method::GET, "/users/me", Some(&token), None)).await?;
    Ok(Account {
        id: text(&profile, "id")?,
        token,
    })
}

/// Returns the token; `None` where there is no such user.
async fn login(rest: &Rest, email: &str) -> Result<Option<String>, Failure> {
    let body = json!({ "email": email, "password": PASSWORD });
    match patiently(|| rest.call(Method::POST, "/auth/login", None, Some(&body))).await {
        Ok(answer) => text(&answer, "token").map(Some),
        Err(RestError::Refused { status: 400..=404, .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns whether the user is new.
async fn register(rest: &Rest, name: &str, email: &str) -> Result<bool, Failure> {
    let body = json!({ "username": name, "email": email, "password": PASSWORD });
    match patiently(|| rest.call(Method::POST, "/auth/register", None, Some(&body))).await {
        Ok(_) => Ok(true),
        Err(RestError::Refused { status: 400 | 409, .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Waits for as long as the server asks to, and tries again.
async fn patiently<F>(call: impl Fn() -> F) -> Result<Value, RestError>
where
    F: Future<Output = Result<Value, RestError>>,
{
    for _ in 1..TRIES {
        match call().await {
            Err(error) => match error.wait() {
                Some(time) => {
                    progress::say(&format!("{error}; waiting {} s", time.as_secs_f64()));
                    tokio::time::sleep(time).await;
                }
                None => return Err(error),
            },
            answer => return answer,
        }
    }
    call().await
}

fn text(answer: &Value, member: &str) -> Result<String, Failure> {
    let text = answer[member].as_str();
    text.map(ToOwned::to_owned)
        .ok_or_else(|| format!("an answer has no text {member:?}: {answer}").into())
}
