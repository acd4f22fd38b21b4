use std::time::{Duration, Instant};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, QueueMode, RecyclingMethod, Runtime};
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::DbError;
use super::cancel::cancel;
use super::connect::Endpoint;
use super::pulse::Pulse;
use super::sends::Sends;
use super::trust::Trust;

/// How long a statement that nobody waits for may take to cancel; after that the server finds its connection closed. It is long because
/// a pooler waits for a Postgres that hangs, and must not be left meanwhile.
const CANCEL_TIMEOUT: Duration = Duration::from_mins(1);

/// How statements reach Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statements {
    /// Prepared once for each connection, by name.
    Prepared,
    /// Unnamed: parsed with each execution, in the same round trip. For poolers in transaction mode, where the next statement may
    /// meet another backend.
    Unnamed,
}

/// How to reach Postgres, and how to treat it.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// `DATABASE_URL`.
    pub endpoint: Endpoint,
    /// `DATABASE_DIRECT_URL`: the way to Postgres itself, for what belongs to a session: migrations and the gateway's lock. The same as
    /// `endpoint` where no pooler stands between.
    pub direct: Endpoint,
    /// `DATABASE_STATEMENTS`: `prepared`, or `unnamed` for poolers in transaction mode.
    pub statements: Statements,
    /// `DATABASE_POOL_SIZE`: connections at most.
    pub pool_size: usize,
    /// `DATABASE_TIMEOUT_MS`: how long a statement, or the wait for a connection, may take.
    pub timeout: Duration,
    /// `DATABASE_VERIFY_CONNECTIONS`: whether a connection is tried before each use; in a process that calls
    /// [`Database::distrust_connections`], before its first use after that. An environment that was frozen finds its sockets dead without
    /// a notice.
    pub verify_connections: bool,
}

/// A parameter with its type: with the types given no round trip is spent on asking for them.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A pool of connections to Postgres. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    endpoint: Endpoint,
    statements: Statements,
    timeout: Duration,
    trust: Trust,
    pulse: Pulse,
    sends: Sends,
}

impl Database {
    /// A pool that connects when it is first used.
    ///
    /// # Errors
    /// [`DbError::Refused`] where the pool's own settings contradict each other.
    pub fn new(config: &DatabaseConfig) -> Result<Self, DbError> {
        let endpoint = &config.endpoint;
        let manager = Manager::from_config(
            endpoint.config().clone(),
            endpoint.connector(),
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let trust = Trust::default();
        let mut pool = Pool::builder(manager)
            .max_size(config.pool_size)
            // The backend that was busy last has everything at hand: taken in turn, all of them stay cold.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(config.timeout))
            .create_timeout(Some(config.timeout))
            .recycle_timeout(Some(config.timeout));
        if config.verify_connections {
            pool = pool.pre_recycle(trust.check(config.timeout));
        }
        let pool = pool.build().map_err(|error| DbError::Refused(error.to_string()))?;
        Ok(Self {
            pool,
            endpoint: endpoint.clone(),
            statements: config.statements,
            timeout: config.timeout,
            trust,
            pulse: Pulse::default(),
            sends: Sends::default(),
        })
    }

    /// Whether Postgres answers.
    ///
    /// # Errors
    /// [`DbError::Away`] or [`DbError::TimedOut`] where it does not.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.query("select 1", &[]).await.map(drop)
    }

    /// Says that connections may have died without a notice, as in an environment that was frozen: each that was used before is tried
    /// before its next use, and replaced where it does not answer.
    pub fn distrust_connections(&self) {
        self.trust.begin(Instant::now());
    }

    /// The sends under way.
    pub(super) fn sends(&self) -> &Sends {
        &self.sends
    }

    /// Closes all connections; what is under way ends with an error.
    pub fn close(&self) {
        self.pool.close();
    }

    /// Runs one statement in one round trip (two when it is first prepared on a connection) and returns its rows.
    pub(crate) async fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, DbError> {
        let begin = Instant::now();
        if self.pulse.is_missing(begin) {
            return Err(DbError::Away("it did not answer a moment ago".to_owned()));
        }
        let mut lease = Lease {
            connection: Some(self.pool.get().await?),
            endpoint: &self.endpoint,
        };
        let rows = match &lease.connection {
            Some(connection) => timeout(self.timeout, self.run(connection, sql, parameters)).await,
            None => return Err(DbError::Away("no connection".to_owned())),
        };
        let Ok(rows) = rows else {
            self.pulse.timed_out(begin, Instant::now());
            return Err(DbError::TimedOut(self.timeout));
        };
        lease.give_back();
        let rows = rows.map_err(DbError::from);
        // A broken connection is no sign of life; a refusal is one.
        if !matches!(rows, Err(DbError::Away(_))) {
            self.pulse.beat(Instant::now());
        }
        rows
    }

    /// As [`Database::query`], for statements with one row at most.
    pub(crate) async fn query_opt(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Option<Row>, DbError> {
        Ok(self.query(sql, parameters).await?.pop())
    }

    /// As [`Database::query`], for statements that always have a row.
    pub(crate) async fn query_one(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Row, DbError> {
        self.query_opt(sql, parameters)
            .await?
            .ok_or_else(|| DbError::Refused(format!("no row from: {sql}")))
    }

    async fn run(
        &self,
        connection: &Object,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        match self.statements {
            Statements::Unnamed => connection.query_typed(sql, parameters).await,
            Statements::Prepared => {
                let types: Vec<Type> = parameters.iter().map(|(_, kind)| kind.clone()).collect();
                let values: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|(value, _)| *value).collect();
                let statement = connection.prepare_typed_cached(sql, &types).await?;
                connection.query(&statement, &values).await
            }
        }
    }
}

/// A connection while a statement runs on it. Where nobody waits for the statement any more, it is cancelled, and the connection does
/// not go back to the pool: the next statement would wait behind it.
struct Lease<'a> {
    connection: Option<Object>,
    endpoint: &'a Endpoint,
}

impl Lease<'_> {
    /// The statement has ended: the connection is free for the next.
    fn give_back(&mut self) {
        self.connection = None;
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let (Some(connection), Ok(runtime)) = (self.connection.take(), tokio::runtime::Handle::try_current()) {
            let (client, endpoint) = (Object::take(connection), self.endpoint.clone());
            runtime.spawn(async move {
                let in_time = timeout(CANCEL_TIMEOUT, cancel(&client, &endpoint)).await.is_ok();
                tracing::debug!(in_time, "cancelled a statement nobody waits for");
            });
        }
    }
}
