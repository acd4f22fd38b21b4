use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use local::postgres::SharedPostgres;
use shared::db::connect::Endpoint;
use shared::db::migrate::migrate;

use super::unique;

/// "tests" in ASCII: who makes the template holds this lock.
const TEMPLATE_LOCK: i64 = 0x74_65_73_74_73;

/// The server that all test processes share.
pub(super) async fn postgres() -> SharedPostgres {
    let local = Path::new(env!("CARGO_BIN_EXE_local"));
    let folder = local.parent().unwrap().join("test-postgres");
    SharedPostgres::acquire(local, &folder).await.unwrap()
}

/// The URL of a new database without any schema.
pub async fn empty_database() -> (SharedPostgres, String) {
    let postgres = postgres().await;
    let name = unique("empty");
    postgres.create_database(&name, None).await.unwrap();
    let url = postgres.database_url(&name);
    (postgres, url)
}

/// The name of a new database with the present schema.
pub(super) async fn create(postgres: &SharedPostgres) -> String {
    let template = format!("template_{:016x}", migrations_hash());
    make_template(postgres, &template).await;
    let name = unique("test");
    postgres.create_database(&name, Some(&template)).await.unwrap();
    name
}

/// Makes the migrated template, unless it is there. It gets its name when it is complete.
async fn make_template(postgres: &SharedPostgres, template: &str) {
    let admin = Endpoint::parse(&postgres.url()).unwrap().connect().await.unwrap();
    let is_there = "select from pg_database where datname = $1";
    if admin.query_opt(is_there, &[&template]).await.unwrap().is_some() {
        return;
    }
    admin
        .execute("select pg_advisory_lock($1)", &[&TEMPLATE_LOCK])
        .await
        .unwrap();
    if admin.query_opt(is_there, &[&template]).await.unwrap().is_some() {
        return;
    }
    let draft = unique("draft");
    postgres.create_database(&draft, None).await.unwrap();
    migrate(&Endpoint::parse(&postgres.database_url(&draft)).unwrap())
        .await
        .unwrap();
    // The migration's connection may take a moment to end, and a database in use can't be renamed.
    let end = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1";
    admin.execute(end, &[&draft]).await.unwrap();
    let rename = format!("alter database {draft} rename to {template}");
    admin.batch_execute(&rename).await.unwrap();
    admin
        .batch_execute(&format!("alter database {template} is_template true"))
        .await
        .unwrap();
}

fn migrations_hash() -> u64 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        (file.file_name(), std::fs::read(&file).unwrap()).hash(&mut hasher);
    }
    hasher.finish()
}
