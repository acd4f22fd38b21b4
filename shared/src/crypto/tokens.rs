use std::fmt;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{Invalid, UserId};
use crate::{Clock, Error};

/// How long a token is good for, in seconds: 24 hours.
const LIFETIME_SECONDS: i64 = 24 * 60 * 60;

/// The shortest key that HS256 may have, in bytes (RFC 7518, section 3.2).
const MIN_SECRET_BYTES: usize = 32;

const INVALID: Error = Error::Unauthenticated("the token is not valid");

/// The key that tokens are signed with. Never shown.
#[derive(Clone)]
pub struct JwtSecret(String);

impl JwtSecret {
    /// Reads a key.
    ///
    /// # Errors
    /// [`Invalid`] where it has fewer than 32 bytes.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() < MIN_SECRET_BYTES {
            return Err(Invalid::new(format!(
                "must have at least {MIN_SECRET_BYTES} bytes, not {}; `openssl rand -base64 48` makes one",
                text.len()
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret(…)")
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    user_id: Uuid,
    iat: i64,
    exp: i64,
    jti: Uuid,
}

/// Issues and checks the tokens that users log in with: JWT (RFC 7519), signed with HS256.
#[derive(Clone)]
pub struct Tokens {
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
}

struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Tokens {
    /// Tokens signed with `secret`, whose lifetime runs by `clock`.
    #[must_use]
    pub fn new(secret: &JwtSecret, clock: Arc<dyn Clock>) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // The lifetime is checked below, against our own clock.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let keys = Keys {
            encoding: EncodingKey::from_secret(secret.0.as_bytes()),
            decoding: DecodingKey::from_secret(secret.0.as_bytes()),
            validation,
        };
        Self {
            keys: Arc::new(keys),
            clock,
        }
    }

    /// A new token for the user.
    ///
    /// # Errors
    /// [`Error::Internal`] where it can't be signed.
    pub fn issue(&self, user: UserId) -> Result<String, Error> {
        let issued_at = self.clock.now().timestamp();
        let claims = Claims {
            user_id: *user.as_uuid(),
            iat: issued_at,
            exp: issued_at + LIFETIME_SECONDS,
            jti: Uuid::new_v4(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.keys.encoding)
            .map_err(|error| Error::Internal(error.into()))
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] where the algorithm is not HS256, the signature is not ours, an extension is critical, a claim is
    /// missing, or the token has expired.
    pub fn verify(&self, token: &str) -> Result<UserId, Error> {
        let data =
            jsonwebtoken::decode::<Claims>(token, &self.keys.decoding, &self.keys.validation).map_err(|_| INVALID)?;
        // Whatever these extensions mean, we don't understand them (RFC 7515, section 4.1.11).
        if data.header.crit.is_some() {
            return Err(INVALID);
        }
        if data.claims.exp <= self.clock.now().timestamp() {
            return Err(Error::Unauthenticated("the token has expired"));
        }
        Ok(UserId::from(data.claims.user_id))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::encode;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::clock::FixedClock;

    const NOW: i64 = 1_705_312_800;
    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn tokens() -> (Tokens, Arc<FixedClock>) {
        let clock = Arc::new(FixedClock::at(NOW));
        (Tokens::new(&JwtSecret::parse(SECRET).unwrap(), clock.clone()), clock)
    }

    fn sign(algorithm: Algorithm, claims: &Value, secret: &str) -> String {
        encode(
            &Header::new(algorithm),
            claims,
            &EncodingKey::from_secret(secret.as_bytes()),
        )
        .unwrap()
    }

    fn claims() -> Value {
        json!({"user_id": Uuid::nil(), "iat": NOW, "exp": NOW + 60, "jti": Uuid::nil()})
    }

    #[test]
    fn a_token_names_its_user_for_24_hours() {
        let (tokens, clock) = tokens();
        let user = UserId::generate();
        let token = tokens.issue(user).unwrap();
        assert_eq!(tokens.verify(&token).unwrap(), user);
        clock.advance(LIFETIME_SECONDS - 1);
        assert!(tokens.verify(&token).is_ok());
        clock.advance(1);
        assert!(matches!(
            tokens.verify(&token),
            Err(Error::Unauthenticated("the token has expired"))
        ));
    }

    #[test]
    fn a_forged_token_is_refused() {
        let (tokens, _) = tokens();
        assert!(tokens.verify(&sign(Algorithm::HS256, &claims(), SECRET)).is_ok());
        for forged in [
            sign(Algorithm::HS256, &claims(), "another secret of thirty-two bytes"),
            sign(Algorithm::HS384, &claims(), SECRET),
            // {"alg":"none","typ":"JWT"}
            "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJ1c2VyX2lkIjoiMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwIn0."
                .to_owned(),
        ] {
            assert!(tokens.verify(&forged).is_err(), "{forged}");
        }
    }

    #[test]
    fn a_token_without_one_of_its_claims_is_refused() {
        let (tokens, _) = tokens();
        for claim in ["user_id", "iat", "exp", "jti"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(claim);
            assert!(
                tokens.verify(&sign(Algorithm::HS256, &claims, SECRET)).is_err(),
                "{claim}"
            );
        }
    }

    #[test]
    fn a_token_with_a_critical_extension_is_refused() {
        let (tokens, _) = tokens();
        for names in [vec!["b64".to_owned()], Vec::new()] {
            let header = Header {
                crit: Some(names),
                ..Header::new(Algorithm::HS256)
            };
            let token = encode(&header, &claims(), &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
            assert!(tokens.verify(&token).is_err(), "{header:?}");
        }
    }

    #[test]
    fn two_tokens_are_never_the_same() {
        let (tokens, _) = tokens();
        let user = UserId::generate();
        assert_ne!(tokens.issue(user).unwrap(), tokens.issue(user).unwrap());
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(JwtSecret::parse(&"x".repeat(31)).is_err());
        assert!(JwtSecret::parse(&"x".repeat(32)).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_refused(text in any::<String>()) {
            prop_assert!(tokens().0.verify(&text).is_err());
        }

        #[test]
        fn a_token_with_one_character_changed_is_refused(position in 0..200usize) {
            let (tokens, _) = tokens();
            let token = tokens.issue(UserId::from(Uuid::nil())).unwrap();
            let position = position % token.len();
            let other = if token.as_bytes()[position] == b'B' { "C" } else { "B" };
            let mut changed = token.clone();
            changed.replace_range(position..=position, other);
            // The last character of a Base64 part can carry bits that do not count, so a change may be none.
            prop_assume!(position + 1 < token.len() && token.as_bytes()[position] != b'.');
            prop_assert!(tokens.verify(&changed).is_err());
        }
    }
}
