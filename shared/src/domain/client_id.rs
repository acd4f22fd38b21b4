use super::{Invalid, check_length, check_no_nul};

/// A sender's own name for a message, 1 to 64 characters, that makes sending it repeatable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientId(String);

impl ClientId {
    /// Reads the `client_id` of a frame.
    ///
    /// # Errors
    /// [`Invalid`] where it is empty, too long or holds a NUL.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        check_length(text, 1..=64)?;
        check_no_nul(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The id as the client sent it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_client_id_has_1_to_64_characters() {
        for text in ["1", " ", "é", &"x".repeat(64), &"😀".repeat(64)] {
            assert_eq!(ClientId::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "a\0", &"x".repeat(65)] {
            assert!(ClientId::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn up_to_64_characters_of_any_kind_but_nul_are_kept_as_they_are(text in "[^\\x00]{1,64}") {
            let id = ClientId::parse(&text);
            prop_assert_eq!(id.as_ref().map(ClientId::as_str), Ok(text.as_str()));
        }

        #[test]
        fn any_text_is_kept_as_it_is_or_refused(text in "(?s).{0,70}") {
            let is_valid = (1..=64).contains(&text.chars().count()) && !text.contains('\0');
            match ClientId::parse(&text) {
                Ok(id) => prop_assert!(is_valid && id.as_str() == text),
                Err(_) => prop_assert!(!is_valid),
            }
        }
    }
}
