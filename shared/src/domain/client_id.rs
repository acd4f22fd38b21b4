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
}
