//! One gateway serves a database: what it holds open and what the rows say must not be mixed with another's.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::DbError;
use super::connect::Endpoint;

/// The key of the advisory lock: "confab" in ASCII.
const KEY: i64 = 0x63_6f_6e_66_61_62;

/// A lock on the database that lasts as long as this connection.
pub struct GatewayLock {
    client: Client,
}

impl GatewayLock {
    /// Takes the lock, on a connection of its own; `None` while another process holds it.
    ///
    /// # Errors
    /// [`DbError`] where the database does not answer.
    pub async fn try_acquire(endpoint: &Endpoint) -> Result<Option<Self>, DbError> {
        let client = endpoint.connect().await?;
        let rows = client
            .query_typed("select pg_try_advisory_lock($1)", &[(&KEY, Type::INT8)])
            .await?;
        let acquired = rows.first().is_some_and(|row| row.get(0));
        Ok(acquired.then_some(Self { client }))
    }

    /// Whether the connection broke, and the lock with it.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.client.is_closed()
    }
}
