use super::Invalid;

/// How many rows a page has: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u8);

impl PageSize {
    /// The largest page; who asks for more gets this.
    pub const MAX: Self = Self(100);
    /// A page where the client says nothing.
    pub const DEFAULT: Self = Self(20);

    /// Reads `limit`, a whole number from 1; above 100 counts as 100.
    ///
    /// # Errors
    /// [`Invalid`] for zero and for what is no number.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || text.bytes().all(|byte| byte == b'0') {
            return Err(Invalid::new("must be a whole number from 1 to 100"));
        }
        // Whatever does not fit into a byte is above 100 too.
        Ok(text.parse().map_or(Self::MAX, |size: u8| Self(size.min(Self::MAX.0))))
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(self) -> usize {
        usize::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_has_1_to_100_rows() {
        for (text, rows) in [
            ("1", 1),
            ("020", 20),
            ("100", 100),
            ("101", 100),
            ("256", 100),
            ("99999999999999999999", 100),
        ] {
            assert_eq!(PageSize::parse(text).unwrap().rows(), rows);
        }
        for text in ["", "0", "000", "-1", "+5", "1.0", "ten", " 1", "٣"] {
            assert!(PageSize::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_number_from_1_is_a_size_however_it_is_padded(number in 1_u64.., zeros in 0_usize..30) {
            let rows = PageSize::parse(&format!("{}{number}", "0".repeat(zeros))).unwrap().rows();
            prop_assert_eq!(u64::try_from(rows).unwrap(), number.min(100));
        }

        #[test]
        fn any_text_is_a_size_or_refused(text in any::<String>()) {
            if let Ok(size) = PageSize::parse(&text) {
                prop_assert!((1..=100).contains(&size.rows()));
                prop_assert!(text.bytes().all(|byte| byte.is_ascii_digit()));
            }
        }

        #[test]
        fn what_is_more_than_digits_is_refused(digits in "[0-9]{0,5}", other in "[^0-9]", more in "[0-9]{0,5}") {
            let text = format!("{digits}{other}{more}");
            prop_assert!(PageSize::parse(&text).is_err());
        }
    }
}
