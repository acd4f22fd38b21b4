//! How a process connects to Postgres: `DATABASE_URL` as libpq understands it, and TLS by rustls.

mod dsn;
mod error;
mod parameters;
#[cfg(test)]
mod tests;
mod tls;
mod url;

use std::fmt;

use tokio_postgres::Client;
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

pub use error::EndpointError;
use parameters::Parameters;
use tls::Protection;

/// What a URL gets that does not say otherwise. All of it travels with the connection itself: a `SET` would pin a session
/// of RDS Proxy. The times are seconds; a peer that vanished without a word, as a frozen Lambda environment finds them, is
/// noticed within a minute when idle, and within half a minute when a query can't be delivered.
const DEFAULTS: [(&str, &str); 7] = [
    ("application_name", "confab"),
    ("connect_timeout", "5"),
    ("keepalives", "1"),
    ("keepalives_idle", "30"),
    ("keepalives_interval", "10"),
    ("keepalives_retries", "3"),
    ("tcp_user_timeout", "30"),
];

/// A parsed `DATABASE_URL`: where Postgres is, who we are, and how the connection is protected.
///
/// Both of libpq's forms are understood, `postgres://user:password@host/name?…` and `host=… user=…`, Unix sockets included
/// (`host=%2Frun%2Fpostgresql`), with these rules for TLS:
///
/// | `sslmode` | without `sslrootcert` | with `sslrootcert=<PEM file>` |
/// | --- | --- | --- |
/// | `disable` | no TLS | no TLS |
/// | `allow`, `prefer` (default) | TLS if the server has it, unverified | TLS if the server has it, chain verified |
/// | `require` | TLS, unverified | TLS, chain verified |
/// | `verify-ca` | refused: a public authority vouches for anyone | TLS, chain verified |
/// | `verify-full` | TLS, chain to a public authority and name verified | TLS, chain and name verified |
///
/// `sslrootcert=system` are the public authorities too (Mozilla's, compiled in), and goes with `verify-full` only, which is
/// then the default. A Unix socket never carries TLS, whatever `sslmode` says.
///
/// Amazon RDS signs with authorities of its own, which no public list contains: `sslrootcert` names the bundle that AWS
/// publishes (`global-bundle.pem`), carried in the deployment package (`/var/task/global-bundle.pem` in a function).
///
/// Unlike libpq: no fallback to plain text after a failed handshake, no parameter twice, and in a URL no `@` but the one
/// before the host (elsewhere it is `%40`). `tcp_user_timeout` is in seconds. `Debug` never shows the password.
#[derive(Clone)]
pub struct Endpoint {
    config: Config,
    protection: Protection,
    connector: MakeRustlsConnect,
}

impl Endpoint {
    /// Reads a URL or a list of `key=value` pairs; nothing is connected yet, but the file of `sslrootcert` is read.
    ///
    /// # Errors
    /// [`EndpointError`] says which parameter is at fault, with its value, and what it should be; it never contains the
    /// password.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let mut parameters = Parameters::parse(url.trim())?;
        let protection = Protection::choose(parameters.take("sslmode"), parameters.take("sslrootcert"))?;
        for (name, value) in DEFAULTS {
            parameters.set_default(name, value);
        }
        let mut config = parameters.into_config()?;
        name_every_host(&mut config)?;
        // A Unix socket has no TLS to offer: libpq ignores the mode there, tokio-postgres would refuse to connect.
        config.ssl_mode(if only_unix_sockets(&config) {
            SslMode::Disable
        } else {
            protection.negotiation()
        });
        let connector = protection.connector()?;
        Ok(Self {
            config,
            protection,
            connector,
        })
    }

    /// The configuration for a pool; it goes with [`Endpoint::connector`], without which `verify-ca` and `verify-full` are
    /// no more than `require`.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The TLS connector, which is what verifies the server; it serves connections without TLS as well.
    #[must_use]
    pub fn connector(&self) -> MakeRustlsConnect {
        self.connector.clone()
    }

    /// Opens one connection outside of any pool and drives it in a task until the client is dropped.
    ///
    /// # Errors
    /// Those of [`Config::connect`]: no server there, TLS or authentication refused. `connect_timeout` bounds reaching the
    /// server, not what it does next.
    pub async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.config.connect(self.connector()).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "a connection to Postgres ended"
                );
            }
        });
        Ok(client)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `Config` leaves the password out of its own output.
        f.debug_struct("Endpoint")
            .field("config", &self.config)
            .field("protection", &self.protection)
            .finish_non_exhaustive()
    }
}

/// Gives TLS a name to verify where the URL has addresses only; tokio-postgres takes it from `host`.
fn name_every_host(config: &mut Config) -> Result<(), EndpointError> {
    if !config.get_hosts().is_empty() {
        return Ok(());
    }
    let addresses = config.get_hostaddrs().to_vec();
    if addresses.is_empty() {
        return Err(EndpointError::NoHost);
    }
    for address in addresses {
        config.host(address.to_string());
    }
    Ok(())
}

fn only_unix_sockets(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)))
}
