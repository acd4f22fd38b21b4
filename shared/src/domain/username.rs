use caseless::default_case_fold_str;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::{Invalid, check_length, check_no_nul};

/// A user name: 3 to 32 letters of any script, digits, `_`, `.` or `-`.
///
/// Two names are the same when their [`key`](Username::key)s are, whatever the database's locale makes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    name: String,
    key: String,
}

impl Username {
    /// Reads a name and keeps it as it was written.
    ///
    /// # Errors
    /// [`Invalid`] where the length or a character is outside the rule.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        check_length(name, 3..=32)?;
        if name.chars().next().is_some_and(is_mark) {
            return Err(Invalid::new(
                "must not begin with a mark that belongs to a letter before it",
            ));
        }
        if let Some(character) = name.chars().find(|character| !is_allowed(*character)) {
            return Err(Invalid::new(format!(
                "may hold letters, digits, '_', '.' and '-', but not {character:?}"
            )));
        }
        Ok(Self {
            name: name.to_owned(),
            key: fold(name),
        })
    }

    /// The name as its owner wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// What makes the name unique: its caseless compatibility form (Unicode Standard, section 3.13, D146).
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// More than 32 characters ever fold to: the longest compatibility form of one has 18 (Unicode Standard, UAX #15, table 8).
const MAX_FOLDED: usize = 32 * 18 * 3;

/// How the names begin that somebody looks for: 2 to 32 characters, each of which stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePrefix(String);

impl NamePrefix {
    /// Reads what to look for, without regard to case.
    ///
    /// # Errors
    /// [`Invalid`] where it is too short or too long, or holds a NUL.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        check_no_nul(text)?;
        check_length(text, 2..=32)?;
        let prefix = fold(text);
        // Two characters may be one letter: a vowel and its accent.
        check_length(&prefix, 2..=MAX_FOLDED)?;
        Ok(Self(prefix))
    }

    /// What the [`key`](Username::key)s of the names begin with.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A text that is greater, byte for byte, than all that begin like this, and less than all others that are greater: its last
    /// character is no character (Unicode Standard, section 23.7), so no name has it.
    #[must_use]
    pub fn end(&self) -> String {
        format!("{}\u{10ffff}", self.0)
    }
}

fn is_allowed(character: char) -> bool {
    let is_digit = character.general_category() == GeneralCategory::DecimalNumber;
    let is_visible = !is_default_ignorable(character);
    matches!(character, '_' | '.' | '-') || is_digit || is_visible && (character.is_alphabetic() || is_mark(character))
}

/// Many scripts write vowels and tones as marks on their letters.
fn is_mark(character: char) -> bool {
    let category = character.general_category();
    matches!(category, GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark)
}

/// The letters and marks among the characters that are not shown, so that two names would look the same
/// (`Default_Ignorable_Code_Point` in <https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt>).
fn is_default_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{e0100}'..='\u{e01ef}'
    )
}

/// NFKC, case folding, and NFKC again, as folding can leave a text that is not normalised.
fn fold(name: &str) -> String {
    let composed: String = name.nfkc().collect();
    default_case_fold_str(&composed).nfkc().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_any_script_are_read() {
        for name in [
            "bob",
            "Bob_99",
            "a.b-c",
            "Zoë",
            "Łukasz",
            "王小明",
            "नेहा",
            "أحمد",
            &"x".repeat(32),
        ] {
            assert_eq!(Username::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_outside_the_rule_are_refused() {
        for name in [
            "",
            "ab",
            &"x".repeat(33),
            "a b",
            "a\tbc",
            "a@b",
            "abc\0",
            "a/b",
            "bob!",
            "😀😀😀",
            "a\u{200b}bc",
            "ad\u{fe0f}min",
            "admin\u{34f}",
            "admin\u{115f}",
            "\u{3164}\u{3164}\u{3164}",
            "\u{301}abc",
        ] {
            assert!(Username::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn names_that_differ_in_case_or_width_share_a_key() {
        let key = |name| Username::parse(name).unwrap().key().to_owned();
        assert_eq!(key("STRASSE"), key("straße"));
        assert_eq!(key("Bob"), key("bOB"));
        assert_eq!(key("Ｂｏｂ"), key("bob"));
        assert_eq!(key("Zoe\u{308}"), key("zoë"));
        assert_ne!(key("bob"), key("rob"));
    }

    #[test]
    fn a_beginning_has_two_characters_also_when_accents_have_joined_their_letters() {
        for text in ["ab", "%_", "Ab", "ｂｏ", "ﬁ1", "😀😀"] {
            assert!(NamePrefix::parse(text).is_ok(), "{text}");
        }
        for text in ["", "a", "é", "e\u{301}", "ab\0", &"x".repeat(33)] {
            assert!(NamePrefix::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(NamePrefix::parse("ＺＯE\u{308}").unwrap().as_str(), "zoë");
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_or_refused(text in any::<String>()) {
            if let Ok(name) = Username::parse(&text) {
                prop_assert_eq!(name.as_str(), &text);
                prop_assert!((3..=32).contains(&text.chars().count()));
            }
        }

        #[test]
        fn a_name_lies_between_each_of_its_beginnings_and_their_ends(name in "[\\p{L}\\p{N}_.-]{3,32}", length in 2..32_usize) {
            let Ok(name) = Username::parse(&name) else { return Ok(()) };
            let beginning: String = name.key().chars().take(length).collect();
            if let Ok(prefix) = NamePrefix::parse(&beginning) {
                prop_assert!(prefix.as_str() <= name.key() && name.key() < prefix.end().as_str(), "{name:?} {prefix:?}");
            }
        }

        #[test]
        fn any_text_is_a_beginning_or_refused(text in any::<String>()) {
            if let Ok(prefix) = NamePrefix::parse(&text) {
                prop_assert!(prefix.as_str().chars().count() >= 2);
                prop_assert!(!prefix.as_str().contains('\0'));
            }
        }

        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{3,32}") {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }
    }
}
