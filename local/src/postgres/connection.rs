//! Reaching a server as a client.

use std::{fmt::Write, os::unix::ffi::OsStrExt, path::Path, time::Duration};

use tokio::time::timeout;
use tokio_postgres::{Client, NoTls, error::SqlState};

use super::error::PostgresError;

/// The superuser of the cluster.
pub(super) const USER: &str = "confab";

/// The database that the cluster is for.
pub(super) const DATABASE: &str = "confab";

/// The database from which others are made and removed.
pub(super) const MAINTENANCE: &str = "postgres";

/// How long one attempt to connect may take: the system accepts for a server that hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a server said to an attempt to connect.
#[derive(Debug)]
pub(super) enum Answer {
    /// It serves.
    Ready,
    /// It serves, and the database is missing.
    NoDatabase,
    /// Nobody listens, or it is starting up, recovering or shutting down.
    NotNow,
    /// It won't serve us, and waiting won't help.
    Refused(tokio_postgres::Error),
}

/// The URL of a database behind a socket.
pub(super) fn url(socket_folder: &Path, port: &str, database: &str) -> String {
    let host = encode(socket_folder.as_os_str().as_bytes());
    let database = encode(database.as_bytes());
    let port = if port == "5432" {
        String::new()
    } else {
        format!("&port={}", encode(port.as_bytes()))
    };
    format!("postgres://{USER}@/{database}?host={host}{port}")
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing into a String can't fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// Tries to connect.
pub(super) async fn probe(url: &str) -> Answer {
    let Ok(connected) = timeout(PATIENCE, tokio_postgres::connect(url, NoTls)).await else {
        return Answer::NotNow;
    };
    let Err(error) = connected else {
        return Answer::Ready;
    };
    match error.code() {
        Some(&SqlState::TOO_MANY_CONNECTIONS) => Answer::Ready,
        Some(&SqlState::INVALID_CATALOG_NAME) => Answer::NoDatabase,
        None | Some(&SqlState::CANNOT_CONNECT_NOW | &SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN) => {
            Answer::NotNow
        }
        Some(_) => Answer::Refused(error),
    }
}

/// Connects, with the connection's work in a task that ends with the client.
pub(super) async fn connect(url: &str) -> Result<Client, PostgresError> {
    let connected = tokio_postgres::connect(url, NoTls).await;
    let (client, connection) = connected.map_err(PostgresError::database("can't connect to the embedded Postgres"))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to the embedded Postgres ended");
        }
    });
    Ok(client)
}

/// An SQL identifier, quoted.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use tokio_postgres::{Config, config::Host};

    use super::*;

    #[test]
    fn the_url_survives_every_character_of_a_path() {
        let folder = Path::new("/a b/ä?&=%/@:c");
        let config: Config = url(folder, "5432", "confab").parse().unwrap();
        assert_eq!(config.get_hosts(), [Host::Unix(folder.into())]);
        assert_eq!(
            (config.get_user(), config.get_dbname()),
            (Some("confab"), Some("confab"))
        );
    }

    #[test]
    fn another_port_is_part_of_the_url() {
        let config: Config = url(Path::new("/s"), "5555", "confab").parse().unwrap();
        assert_eq!(config.get_ports(), [5555]);
    }

    #[test]
    fn a_quote_in_an_identifier_is_doubled() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
    }
}
