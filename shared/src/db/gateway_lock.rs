//! One gateway serves a database: what it holds open and what the rows say must not be mixed with another's.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::connect::Endpoint;
use super::session_lock::{self, Attempt};
use super::{Database, DbError};

/// The key of the advisory lock: "confab" in ASCII.
const KEY: i64 = 0x63_6f_6e_66_61_62;

/// A lock on the database that lasts as long as this connection.
pub struct GatewayLock {
    client: Client,
}

impl GatewayLock {
    /// Takes the lock, on a connection of its own to Postgres itself; `None` while another process holds it.
    ///
    /// # Errors
    /// [`DbError::SharedSession`] where a pooler stands between, or what the database says.
    pub async fn try_acquire(endpoint: &Endpoint) -> Result<Option<Self>, DbError> {
        let client = endpoint.connect().await?;
        match session_lock::try_acquire(&client, endpoint, KEY).await? {
            Attempt::Acquired => Ok(Some(Self { client })),
            Attempt::Held => Ok(None),
            Attempt::SharedSession => Err(DbError::SharedSession),
        }
    }

    /// Whether the lock is on the database that `db` reaches, and not on another that only the direct URL leads to.
    ///
    /// # Errors
    /// What the database says.
    pub async fn guards(&self, db: &Database) -> Result<bool, DbError> {
        let session: i32 = self
            .client
            .query_typed_one("select pg_backend_pid()", &[])
            .await?
            .try_get(0)?;
        let row = db
            .query_one(
                "select exists (
                     select from pg_locks
                     where locktype = 'advisory' and pid = $1 and (classid::bigint << 32 | objid::bigint) = $2
                         and database = (select oid from pg_database where datname = current_database())
                 ) as guarded",
                &[(&session, Type::INT4), (&KEY, Type::INT8)],
            )
            .await?;
        Ok(row.get("guarded"))
    }

    /// Whether the connection broke, and the lock with it.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.client.is_closed()
    }
}
