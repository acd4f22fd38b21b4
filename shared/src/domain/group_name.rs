use super::{Invalid, check_length, check_no_nul, check_not_blank};

/// What a group is called: 1 to 100 code points, not only white space, no NUL; never trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupName(String);

impl GroupName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`Invalid`] where it is empty, blank, too long or holds a NUL.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        check_length(text, 1..=100)?;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_has_1_to_100_characters_that_somebody_can_see() {
        for text in ["a", "Köche & Gäste", &"ж".repeat(100)] {
            assert_eq!(GroupName::parse(text).unwrap().as_str(), text);
        }
        for text in ["", " ", "\t\n", "a\0", &"x".repeat(101)] {
            assert!(GroupName::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_as_it_is_or_refused(text in any::<String>()) {
            if let Ok(name) = GroupName::parse(&text) {
                prop_assert_eq!(name.as_str(), &text);
                prop_assert!((1..=100).contains(&text.chars().count()));
            }
        }
    }
}
