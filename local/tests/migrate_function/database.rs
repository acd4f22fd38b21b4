use std::path::Path;
use std::time::Duration;

use local::postgres::SharedPostgres;
use shared::db::connect::Endpoint;
use tokio::time::sleep;

/// An empty database in the cluster that all tests share.
pub(crate) struct TestDatabase {
    /// Held so that the cluster stays.
    _postgres: SharedPostgres,
    url: String,
}

impl TestDatabase {
    pub(crate) async fn create() -> Self {
        let local = Path::new(env!("CARGO_BIN_EXE_local"));
        let folder = local.parent().unwrap().join("test-postgres");
        let postgres = SharedPostgres::acquire(local, &folder).await.unwrap();
        let name = format!("migrate_{}", uuid::Uuid::now_v7().simple());
        postgres.create_database(&name, None).await.unwrap();
        Self {
            url: postgres.database_url(&name),
            _postgres: postgres,
        }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&self.url).unwrap()
    }

    pub(crate) async fn execute(&self, statement: &str) {
        let client = self.endpoint().connect().await.unwrap();
        client.batch_execute(statement).await.unwrap();
    }

    pub(crate) async fn count(&self, query: &str) -> i64 {
        let client = self.endpoint().connect().await.unwrap();
        client.query_one(query, &[]).await.unwrap().get(0)
    }

    /// Waits until a query counts nothing.
    pub(crate) async fn until_none(&self, query: &str) {
        let none = async {
            while self.count(query).await > 0 {
                sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), none).await.unwrap();
    }
}
