use std::fmt;

use super::{Invalid, check_length};

/// A new password: 8 to 128 characters, any, never trimmed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Reads a password that a user chose.
    ///
    /// # Errors
    /// [`Invalid`] where it is too short or too long.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        check_length(text, 8..=128)?;
        Ok(Self(text.to_owned()))
    }

    /// The password itself, for the hash function only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_password_has_8_to_128_characters_of_any_kind() {
        for text in [
            "12345678",
            "        ",
            "pässwörd",
            "\0\0\0\0\0\0\0\0",
            &"😀".repeat(128),
        ] {
            assert_eq!(Password::parse(text).unwrap().expose(), text);
        }
        for text in ["", "1234567", &"x".repeat(129)] {
            assert!(Password::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_password_is_never_shown_or_changed(text in any::<String>()) {
            if let Ok(password) = Password::parse(&text) {
                prop_assert_eq!(password.expose(), &text);
                prop_assert_eq!(format!("{password:?}"), "Password(…)");
            }
        }
    }
}
