use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::Semaphore;

use crate::Error;
use crate::domain::Password;

/// Argon2id with 19 MiB, two passes and one lane, the first choice of OWASP's Password Storage Cheat Sheet
/// (<https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id>).
const PARAMS: Params = match Params::new(19 * 1024, 2, 1, None) {
    Ok(params) => params,
    Err(_) => Params::DEFAULT,
};

/// Verified against where there is no account, so that an unknown address takes as long as a wrong password. Made with [`PARAMS`];
/// nobody has its password.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$T1oJdcC6ZHrYIaVbMsWZKzO0xJ0Ys7tMtHcNwT8k3uI";

/// Hashes and verifies passwords: off the async threads, and never more at once than the machine has cores, as each takes one core
/// for tens of milliseconds and 19 MiB. That memory is kept for the next one: given back each time, it would tear the heap to pieces.
#[derive(Clone)]
pub struct Passwords {
    slots: Arc<Semaphore>,
    scratch: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Passwords {
    /// A hasher with a slot for each core.
    #[must_use]
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            slots: Arc::new(Semaphore::new(cores)),
            scratch: Arc::default(),
        }
    }

    /// Hashes a new password with a salt of its own into a PHC string
    /// (<https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md>).
    ///
    /// # Errors
    /// [`Error::Internal`] where it can't be done.
    pub async fn hash(&self, password: Password) -> Result<String, Error> {
        self.run(move |scratch| hash(password.expose(), scratch)).await
    }

    /// Whether `password` is the one that `stored` was made of. Where nothing is stored the answer is no, after the same work.
    ///
    /// # Errors
    /// [`Error::Internal`] where `stored` is no PHC string.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, Error> {
        self.run(move |scratch| match &stored {
            Some(stored) => verify(&password, stored, scratch),
            None => verify(&password, NOBODYS_HASH, scratch).map(|_| false),
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Error> {
        let slots = Arc::clone(&self.slots);
        let slot = slots
            .acquire_owned()
            .await
            .map_err(|error| Error::Internal(error.into()))?;
        let scratch = Arc::clone(&self.scratch);
        let task = tokio::task::spawn_blocking(move || {
            let mut blocks = lock(&scratch).pop().unwrap_or_default();
            let result = work(&mut blocks);
            lock(&scratch).push(blocks);
            // Held until here: a caller that gives up does not end the work.
            drop(slot);
            result
        });
        let result = task.await.map_err(|error| Error::Internal(error.into()))?;
        result.map_err(|failure| Error::Internal(failure.to_string().into()))
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the password can't be hashed: {0}")]
    Argon2(#[from] argon2::Error),
    #[error("the stored hash is no PHC string: {0}")]
    Phc(#[from] argon2::password_hash::phc::Error),
    #[error("the stored hash is of an unknown kind: {0}")]
    Unknown(#[from] argon2::password_hash::Error),
    #[error("the stored hash is incomplete")]
    Incomplete,
}

fn lock(scratch: &Mutex<Vec<Vec<Block>>>) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
    scratch.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hash(password: &str, scratch: &mut Vec<Block>) -> Result<String, Failure> {
    let salt = Salt::generate();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMS);
    let output = compute(&argon2, password, &salt, Params::DEFAULT_OUTPUT_LEN, scratch)?;
    let phc = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&PARAMS)?,
        salt: Some(salt),
        hash: Some(output),
    };
    Ok(phc.to_string())
}

/// Verifies with the parameters that the hash itself names, so that they can be raised later. The comparison is constant-time.
fn verify(password: &str, stored: &str, scratch: &mut Vec<Block>) -> Result<bool, Failure> {
    let stored = PasswordHash::new(stored)?;
    let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else {
        return Err(Failure::Incomplete);
    };
    let algorithm = Algorithm::try_from(stored.algorithm.as_str())?;
    let version = stored.version.map_or(Ok(Version::default()), Version::try_from)?;
    let argon2 = Argon2::new(algorithm, version, Params::try_from(&stored)?);
    let output = compute(&argon2, password, &salt, expected.len(), scratch)?;
    Ok(output == expected)
}

fn compute(
    argon2: &Argon2<'_>,
    password: &str,
    salt: &Salt,
    length: usize,
    scratch: &mut Vec<Block>,
) -> Result<Output, Failure> {
    scratch.resize(argon2.params().block_count(), Block::new());
    let mut buffer = [0; Output::MAX_LENGTH];
    let output = buffer.get_mut(..length).ok_or(Failure::Incomplete)?;
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, scratch)?;
    Ok(Output::new(output)?)
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

    #[test]
    fn hashes_are_those_of_the_argon2_crate() {
        use argon2::password_hash::PasswordVerifier;
        let ours = hash("correct horse", &mut Vec::new()).unwrap();
        assert!(
            Argon2::default()
                .verify_password(b"correct horse", ours.as_str())
                .is_ok()
        );
    }

    #[tokio::test]
    async fn nobody_has_no_password_but_is_looked_at_as_closely_as_anybody() {
        let passwords = Passwords::new();
        assert!(!passwords.verify("nobody's password".into(), None).await.unwrap());
        assert!(!passwords.verify(String::new(), None).await.unwrap());
        let nobodys = PasswordHash::new(NOBODYS_HASH).unwrap();
        let somebodys = passwords.hash(password("correct horse")).await.unwrap();
        let somebodys = PasswordHash::new(&somebodys).unwrap();
        assert_eq!(nobodys.params, somebodys.params);
        assert_eq!(nobodys.version, somebodys.version);
        assert_eq!(nobodys.hash.unwrap().len(), somebodys.hash.unwrap().len());
    }

    #[tokio::test]
    async fn a_stored_hash_that_is_none_is_an_error_and_no_yes() {
        let passwords = Passwords::new();
        for stored in [
            "",
            "plain",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$2b$12$abcdefghijklmnopqrstuv",
        ] {
            assert!(
                passwords.verify("x".into(), Some(stored.to_owned())).await.is_err(),
                "{stored}"
            );
        }
    }
}
