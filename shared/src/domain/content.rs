use std::fmt;

use super::{Invalid, check_length, check_no_nul, check_not_blank};

/// What a message says: 1 to 4,096 code points, not only white space, no NUL; never trimmed.
#[derive(Clone, PartialEq, Eq)]
pub struct Content(String);

impl Content {
    /// Reads the content of a message.
    ///
    /// # Errors
    /// [`Invalid`] where it is empty, blank, too long or holds a NUL.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        check_length(text, 1..=4096)?;
        check_no_nul(text)?;
        check_not_blank(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What people write to each other is no matter for a log.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn content_has_1_to_4096_code_points() {
        for text in ["x", " x ", "\n.\n", &"é".repeat(4096), &"😀".repeat(4096)] {
            assert_eq!(Content::parse(text).unwrap().as_str(), text);
        }
        for text in ["", " ", "\t\r\n\u{a0}\u{3000}", "a\0b", &"x".repeat(4097)] {
            assert!(Content::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_kept_as_it_is_or_refused(text in any::<String>()) {
            if let Ok(content) = Content::parse(&text) {
                prop_assert_eq!(content.as_str(), &text);
                prop_assert!(!text.contains('\0') && !text.trim().is_empty());
            }
        }
    }
}
