//! What a database URL says, one parameter at a time, whichever of libpq's two forms it came in.

use tokio_postgres::Config;

use super::{EndpointError, dsn, url};

const TEXT: &str = "text";
const SECONDS: &str = "a whole number of seconds";

/// Every parameter there is, and what it takes.
const KNOWN: [(&str, &str); 20] = [
    ("application_name", TEXT),
    ("channel_binding", "disable, prefer or require"),
    ("connect_timeout", SECONDS),
    ("dbname", TEXT),
    ("host", "host names or absolute paths"),
    ("hostaddr", "IP addresses"),
    ("keepalives", "0 or 1"),
    ("keepalives_idle", SECONDS),
    ("keepalives_interval", SECONDS),
    ("keepalives_retries", "a whole number"),
    ("load_balance_hosts", "disable or random"),
    ("options", TEXT),
    ("password", TEXT),
    ("port", "numbers from 1 to 65535"),
    ("sslmode", TEXT),
    ("sslnegotiation", "postgres or direct"),
    ("sslrootcert", TEXT),
    ("target_session_attrs", "any, read-write or read-only"),
    ("tcp_user_timeout", SECONDS),
    ("user", TEXT),
];

/// A parameter that exists.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) text: &'static str,
    expected: &'static str,
}

/// The parameters in the order in which they were given, none twice.
#[derive(Default)]
pub(super) struct Parameters(Vec<(Name, String)>);

impl Parameters {
    pub(super) fn parse(text: &str) -> Result<Self, EndpointError> {
        let mut parameters = match url::strip_scheme(text) {
            Some(rest) => url::parse(rest),
            None => dsn::parse(text),
        }?;
        // As in libpq, an empty value is none.
        parameters.0.retain(|(_, value)| !value.is_empty());
        Ok(parameters)
    }

    /// The parameter of this name, if it exists and has not been given yet.
    pub(super) fn expect_new(&self, name: &str) -> Result<Name, EndpointError> {
        let Some(name) = find_known(name) else {
            return Err(self.refuse_unknown(name));
        };
        if self
            .0
            .iter()
            .any(|(known, value)| known.text == name.text && !value.is_empty())
        {
            return Err(EndpointError::Duplicate { name: name.text });
        }
        Ok(name)
    }

    /// Adds what [`Parameters::expect_new`] let pass.
    pub(super) fn add(&mut self, name: Name, value: String) {
        self.0.push((name, value));
    }

    pub(super) fn set_default(&mut self, name: &str, value: &str) {
        if let Ok(name) = self.expect_new(name) {
            self.add(name, value.to_owned());
        }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let position = self.0.iter().position(|(known, _)| known.text == name)?;
        Some(self.0.remove(position).1)
    }

    /// Has tokio-postgres understand what is left. It takes its own parameters as text only, and its errors don't say what
    /// would be right: so it reads a list that grows by one pair each time, and the pair that it refuses is the one at fault.
    pub(super) fn into_config(self) -> Result<Config, EndpointError> {
        let mut pairs = String::new();
        let mut config = Config::new();
        for (name, value) in self.0 {
            pairs.push_str(&dsn::format(name.text, &value));
            config = pairs.parse().map_err(|_| EndpointError::Invalid {
                name: name.text,
                value,
                expected: name.expected,
            })?;
        }
        Ok(config)
    }

    /// What looks like a name may be the rest of a password that its writer did not quote or encode: then it is not shown.
    fn refuse_unknown(&self, name: &str) -> EndpointError {
        let looks_like_a_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(|each| each.is_ascii_alphanumeric() || each == '_');
        let after_password = self.0.iter().any(|(known, _)| known.text == "password");
        if looks_like_a_name && !after_password {
            EndpointError::Unknown { name: name.to_owned() }
        } else {
            EndpointError::Malformed(
                "there is a key that does not exist, and it is not shown because it may be a piece of the password; a URL \
                 begins with `postgres://` and has special characters percent-encoded, in a list of `key=value` pairs a value \
                 with spaces is written `'…'`",
            )
        }
    }
}

fn find_known(name: &str) -> Option<Name> {
    let &(text, expected) = KNOWN.iter().find(|(known, _)| *known == name)?;
    Some(Name { text, expected })
}
