//! The one place that reads the environment.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::crypto::JwtSecret;
use crate::db::connect::Endpoint;
use crate::db::{DatabaseConfig, Statements};

/// Where a setting's value comes from: the process' environment, or whatever stands in for it.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What a function is told by its environment. Each function gets only what it needs, so what is absent is no fault until somebody
/// asks for it.
#[derive(Debug)]
pub struct Config {
    /// `DATABASE_URL` and what goes with it.
    pub database: Option<DatabaseConfig>,
    /// `JWT_SECRET`: the key that tokens are signed with.
    pub jwt_secret: Option<JwtSecret>,
    /// `WEBSOCKET_CALLBACK_URL`: where `@connections` is, without the final slash.
    pub callback_url: Option<String>,
}

/// Settings that can't be read, all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration has faults:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads all settings. An empty value counts as absent.
    ///
    /// # Errors
    /// [`ConfigError`] with every setting that has a wrong value. Secrets are not quoted.
    pub fn read(lookup: Lookup<'_>) -> Result<Self, ConfigError> {
        let mut reader = Reader {
            lookup,
            faults: Vec::new(),
        };
        let config = Self {
            database: reader.database(),
            jwt_secret: reader.secret("JWT_SECRET", JwtSecret::parse),
            callback_url: reader.parsed("WEBSOCKET_CALLBACK_URL", callback_url),
        };
        if reader.faults.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError(reader.faults))
        }
    }

    /// The database's settings.
    ///
    /// # Errors
    /// [`ConfigError`] where `DATABASE_URL` is not set.
    pub fn database(&self) -> Result<&DatabaseConfig, ConfigError> {
        required("DATABASE_URL", self.database.as_ref())
    }

    /// The key that tokens are signed with.
    ///
    /// # Errors
    /// [`ConfigError`] where `JWT_SECRET` is not set.
    pub fn jwt_secret(&self) -> Result<&JwtSecret, ConfigError> {
        required("JWT_SECRET", self.jwt_secret.as_ref())
    }

    /// Where `@connections` is.
    ///
    /// # Errors
    /// [`ConfigError`] where `WEBSOCKET_CALLBACK_URL` is not set.
    pub fn callback_url(&self) -> Result<&str, ConfigError> {
        required("WEBSOCKET_CALLBACK_URL", self.callback_url.as_deref())
    }
}

fn required<T>(name: &str, value: Option<T>) -> Result<T, ConfigError> {
    value.ok_or_else(|| ConfigError(vec![format!("{name} is not set")]))
}

struct Reader<'a> {
    lookup: Lookup<'a>,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn database(&mut self) -> Option<DatabaseConfig> {
        let endpoint = self.secret("DATABASE_URL", Endpoint::parse);
        let direct = self.secret("DATABASE_DIRECT_URL", Endpoint::parse);
        let statements = self.parsed("DATABASE_STATEMENTS", statements);
        let pool_size = self.parsed("DATABASE_POOL_SIZE", number::<std::num::NonZero<u16>>);
        let timeout = self.parsed("DATABASE_TIMEOUT_MS", number::<std::num::NonZero<u32>>);
        let verify_connections = self.parsed("DATABASE_VERIFY_CONNECTIONS", boolean);
        let endpoint = endpoint?;
        Some(DatabaseConfig {
            direct: direct.unwrap_or_else(|| endpoint.clone()),
            endpoint,
            statements: statements.unwrap_or(Statements::Prepared),
            pool_size: pool_size.map_or(1, |size| size.get().into()),
            timeout: timeout.map_or(Duration::from_secs(5), |timeout| {
                Duration::from_millis(timeout.get().into())
            }),
            verify_connections: verify_connections.unwrap_or(true),
        })
    }

    fn value(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    /// A setting whose value may be quoted in a fault.
    fn parsed<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = self.value(name)?;
        parse(&value)
            .inspect_err(|fault| self.faults.push(format!("{name} is {value:?}, but {fault}")))
            .ok()
    }

    /// A setting whose value is never shown.
    fn secret<T, E: fmt::Display>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let value = self.value(name)?;
        parse(&value)
            .inspect_err(|fault| self.faults.push(format!("{name} {fault}")))
            .ok()
    }
}

fn statements(value: &str) -> Result<Statements, String> {
    match value {
        "prepared" => Ok(Statements::Prepared),
        "unnamed" => Ok(Statements::Unnamed),
        _ => Err("must be prepared or unnamed".to_owned()),
    }
}

fn number<T: FromStr>(value: &str) -> Result<T, String> {
    value.parse().map_err(|_| "must be a positive whole number".to_owned())
}

fn boolean(value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| "must be true or false".to_owned())
}

fn callback_url(value: &str) -> Result<String, String> {
    let url = value.trim_end_matches('/');
    let uri: http::Uri = url.parse().map_err(|_| "must be a URL")?;
    match uri.scheme_str() {
        Some("http" | "https") => Ok(url.to_owned()),
        _ => Err("must begin with https:// or http://".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(&|name| {
            let setting = settings.iter().find(|(key, _)| *key == name);
            setting.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_is_required_until_it_is_asked_for() {
        let config = read(&[("JWT_SECRET", "")]).unwrap();
        let fault = config.jwt_secret().unwrap_err();
        assert!(fault.to_string().contains("JWT_SECRET is not set"), "{fault}");
        assert!(config.database().is_err() && config.callback_url().is_err());
    }

    #[test]
    fn all_faults_are_reported_at_once_and_no_secret_is_shown() {
        let fault = read(&[
            ("DATABASE_URL", "postgres://me:hunter2@localhost/x?sslmode=perhaps"),
            ("DATABASE_DIRECT_URL", "postgres://me:hunter2@localhost/x?port=none"),
            ("DATABASE_STATEMENTS", "named"),
            ("DATABASE_POOL_SIZE", "0"),
            ("DATABASE_TIMEOUT_MS", "-1"),
            ("DATABASE_VERIFY_CONNECTIONS", "yes"),
            ("JWT_SECRET", "tooshort"),
            ("WEBSOCKET_CALLBACK_URL", "ftp://somewhere"),
        ])
        .unwrap_err()
        .to_string();
        for name in [
            "DATABASE_URL",
            "DATABASE_DIRECT_URL",
            "DATABASE_STATEMENTS",
            "DATABASE_POOL_SIZE",
            "DATABASE_TIMEOUT_MS",
            "DATABASE_VERIFY_CONNECTIONS",
            "JWT_SECRET",
            "WEBSOCKET_CALLBACK_URL",
        ] {
            assert!(fault.contains(name), "{name} is missing in: {fault}");
        }
        assert!(!fault.contains("hunter2") && !fault.contains("tooshort"), "{fault}");
    }

    #[test]
    fn what_needs_a_session_goes_the_way_of_everything_else_unless_told_otherwise() {
        let direct_config = |settings: &[(&str, &str)]| {
            let database = read(settings).unwrap().database.unwrap();
            assert_eq!(database.endpoint.config().get_dbname(), Some("pooled"));
            database.direct.config().get_dbname().map(str::to_owned)
        };
        let pooled = ("DATABASE_URL", "postgres://host/pooled");
        assert_eq!(direct_config(&[pooled]).as_deref(), Some("pooled"));
        let direct = ("DATABASE_DIRECT_URL", "postgres://host/direct");
        assert_eq!(direct_config(&[pooled, direct]).as_deref(), Some("direct"));
    }

    #[test]
    fn the_callback_url_loses_its_final_slash() {
        let config = read(&[(
            "WEBSOCKET_CALLBACK_URL",
            "https://abc.execute-api.eu-west-1.amazonaws.com/ws/",
        )])
        .unwrap();
        assert_eq!(
            config.callback_url().unwrap(),
            "https://abc.execute-api.eu-west-1.amazonaws.com/ws"
        );
    }
}
