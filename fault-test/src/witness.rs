//! Looks into the database the moment something is told: a frame goes out only after its row is committed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// How long a look may take before it counts as none: Postgres is away.
const PATIENCE: Duration = Duration::from_secs(1);

/// In one round trip, as every moment counts.
const LOOK: &str = "select from messages where id = $1 and version >= $2";

/// Somebody with a connection of their own to the database.
pub(crate) struct Witness {
    url: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sql: Option<Arc<Client>>,
    /// The messages and versions that were looked for: the first device that is told asks.
    looked_for: BTreeSet<(Uuid, i64)>,
}

impl Witness {
    /// One who looks into the database at `url`.
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            state: Mutex::default(),
        }
    }

    /// Whether the database has a message at this version or a later one. `None` where nobody can say, or was asked before.
    pub(crate) async fn confirms(&self, message: Uuid, version: i64) -> Option<bool> {
        timeout(PATIENCE, self.look(message, version)).await.ok()?
    }

    /// How many messages and versions were looked for.
    pub(crate) async fn looks(&self) -> usize {
        self.state.lock().await.looked_for.len()
    }

    async fn look(&self, message: Uuid, version: i64) -> Option<bool> {
        let sql = self.connection_for(message, version).await?;
        let sought = [(&message as &(dyn ToSql + Sync), Type::UUID), (&version, Type::INT8)];
        Some(!sql.query_typed(LOOK, &sought).await.ok()?.is_empty())
    }

    async fn connection_for(&self, message: Uuid, version: i64) -> Option<Arc<Client>> {
        let mut state = self.state.lock().await;
        if !state.looked_for.insert((message, version)) {
            return None;
        }
        if let Some(sql) = state.sql.as_ref().filter(|sql| !sql.is_closed()) {
            return Some(sql.clone());
        }
        let (sql, connection) = tokio_postgres::connect(&self.url, NoTls).await.ok()?;
        tokio::spawn(connection);
        state.sql.insert(Arc::new(sql)).clone().into()
    }
}
