use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::DbError;
use crate::config::DatabaseConfig;

/// How statements reach Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statements {
    /// Prepared once for each connection, by name.
    Prepared,
    /// Unnamed: parsed with each execution, in the same round trip. For poolers in transaction mode, where the next statement may
    /// meet another backend.
    Unnamed,
}

/// A parameter with its type: with the types given no round trip is spent on asking for them.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A pool of connections to Postgres. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    pool: Pool,
    statements: Statements,
    timeout: Duration,
}

impl Database {
    /// A pool that connects when it is first used.
    ///
    /// # Errors
    /// [`DbError::Refused`] where the pool's own settings contradict each other.
    pub fn new(config: &DatabaseConfig) -> Result<Self, DbError> {
        let recycling_method = if config.verify_connections {
            RecyclingMethod::Verified
        } else {
            RecyclingMethod::Fast
        };
        let endpoint = &config.endpoint;
        let manager = Manager::from_config(
            endpoint.config().clone(),
            endpoint.connector(),
            ManagerConfig { recycling_method },
        );
        let pool = Pool::builder(manager)
            .max_size(config.pool_size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(config.timeout))
            .create_timeout(Some(config.timeout))
            .recycle_timeout(Some(config.timeout))
            .build()
            .map_err(|error| DbError::Refused(error.to_string()))?;
        Ok(Self {
            pool,
            statements: config.statements,
            timeout: config.timeout,
        })
    }

    /// Whether Postgres answers.
    ///
    /// # Errors
    /// [`DbError::Away`] or [`DbError::TimedOut`] where it does not.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.query("select 1", &[]).await.map(drop)
    }

    /// Closes all connections; what is under way ends with an error.
    pub fn close(&self) {
        self.pool.close();
    }

    /// Runs one statement in one round trip (two when it is first prepared on a connection) and returns its rows.
    pub(crate) async fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, DbError> {
        let connection = self.pool.get().await?;
        if let Ok(result) = tokio::time::timeout(self.timeout, self.run(&connection, sql, parameters)).await {
            return Ok(result?);
        }
        // Whatever still runs on it must not be in the way of the next statement.
        drop(Object::take(connection));
        Err(DbError::TimedOut(self.timeout))
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
