use std::sync::{Arc, LazyLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::Error;
use crate::domain::Password;

/// Argon2id with 19 MiB, two passes and one lane, the first choice of OWASP's Password Storage Cheat Sheet
/// (<https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id>).
const PARAMS: Params = match Params::new(19 * 1024, 2, 1, None) {
    Ok(params) => params,
    Err(_) => Params::DEFAULT,
};

/// Verified against where there is no account, so that an unknown address takes as long as a wrong password.
static NOBODYS_HASH: LazyLock<Option<String>> = LazyLock::new(|| hash("nobody's password").ok());

/// Hashes and verifies passwords: off the async threads, and never more at once than the machine has cores, as each takes one core
/// and 19 MiB for tens of milliseconds.
#[derive(Debug, Clone)]
pub struct Passwords {
    slots: Arc<Semaphore>,
}

impl Passwords {
    /// A hasher with a slot for each core.
    #[must_use]
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            slots: Arc::new(Semaphore::new(cores)),
        }
    }

    /// Hashes a new password with a salt of its own into a PHC string.
    ///
    /// # Errors
    /// [`Error::Internal`] where the system has no randomness.
    pub async fn hash(&self, password: Password) -> Result<String, Error> {
        self.run(move || hash(password.expose())).await
    }

    /// Whether `password` is the one that `stored` was made of. Where nothing is stored the answer is no, after the same work.
    ///
    /// # Errors
    /// [`Error::Internal`] where `stored` is no PHC string.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, Error> {
        self.run(move || match (&stored, &*NOBODYS_HASH) {
            (Some(stored), _) => verify(&password, stored),
            (None, Some(nobodys)) => verify(&password, nobodys).map(|_| false),
            (None, None) => Ok(false),
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, argon2::password_hash::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let _slot = self
            .slots
            .acquire()
            .await
            .map_err(|error| Error::Internal(error.into()))?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| Error::Internal(error.into()))?
            .map_err(|error| Error::Internal(error.to_string().into()))
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMS);
    Ok(argon2.hash_password(password.as_bytes())?.to_string())
}

/// Verifies with the parameters that the hash itself names, so that they can be raised later. The comparison is constant-time.
fn verify(password: &str, stored: &str) -> Result<bool, argon2::password_hash::Error> {
    let stored = PasswordHash::new(stored).map_err(|_| argon2::password_hash::Error::PasswordInvalid)?;
    match Argon2::default().verify_password(password.as_bytes(), &stored) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_verified_against_its_own_hash_only() {
        let passwords = Passwords::new();
        let hash = passwords.hash(password("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(
            passwords
                .verify("correct horse".into(), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(!passwords.verify("correct horse ".into(), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn the_same_password_never_has_the_same_hash() {
        let passwords = Passwords::new();
        let first = passwords.hash(password("correct horse")).await.unwrap();
        assert_ne!(first, passwords.hash(password("correct horse")).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        let passwords = Passwords::new();
        assert!(!passwords.verify("nobody's password".into(), None).await.unwrap());
        assert!(!passwords.verify(String::new(), None).await.unwrap());
    }
}
