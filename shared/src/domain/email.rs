use std::fmt;

use email_address::{EmailAddress, Options};

use super::Invalid;

/// The longest address that fits into a path of RFC 5321, section 4.5.3.1.3, in bytes.
const MAX_BYTES: usize = 254;

/// An e-mail address, trimmed and in lower case.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address, ignoring white space around it and case.
    ///
    /// # Errors
    /// [`Invalid`] for what is no address of RFC 5321 or is over 254 bytes.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let address = Self::normalise(text);
        if address.len() > MAX_BYTES {
            return Err(Invalid::new(format!(
                "must have at most {MAX_BYTES} bytes, not {}",
                address.len()
            )));
        }
        let options = Options::default().without_display_text().without_domain_literal();
        EmailAddress::parse_with_options(&address, options)
            .map_err(|error| Invalid::new(format!("must be an e-mail address: {error}")))?;
        super::check_no_nul(&address)?;
        Ok(Self(address))
    }

    /// An address that no account can have: `.invalid` never resolves (RFC 2606), and [`Email::parse`] refuses an empty local part.
    #[must_use]
    pub fn nobodys() -> Self {
        Self("@nobody.invalid".to_owned())
    }

    /// The form in which addresses are compared.
    #[must_use]
    pub fn normalise(text: &str) -> String {
        text.trim().to_lowercase()
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Addresses are personal: they don't get into a log by way of a derived `Debug`.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_trimmed_and_lower_cased() {
        assert_eq!(
            Email::parse("  John.Doe+chat@Example.COM \n").unwrap().as_str(),
            "john.doe+chat@example.com"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "john",
            "@example.com",
            "john@",
            "john@@example.com",
            "a b@example.com",
            "a@b@c",
            "John <john@example.com>",
            "john@[127.0.0.1]",
            "john@example..com",
            "john\0@example.com",
            "a@b.c\r\nx",
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_has_254_bytes_at_most() {
        let domain = format!("{}.{}.{}.com", "d".repeat(63), "e".repeat(63), "f".repeat(60));
        let fits = format!("{}@{domain}", "a".repeat(254 - 1 - domain.len()));
        assert_eq!(fits.len(), 254);
        assert!(Email::parse(&fits).is_ok());
        assert!(Email::parse(&format!("a{fits}")).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_refused(text in any::<String>()) {
            if let Ok(email) = Email::parse(&text) {
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email));
            }
        }
    }
}
