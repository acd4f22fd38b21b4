//! A Postgres of its own, and databases in it that are filled as if Confab had been used for long.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use local::postgres::{Options, Postgres};
use shared::db::connect::Endpoint;
use shared::db::migrate::migrate;
use shared::db::{Database, DatabaseConfig, Statements};
use tokio_postgres::{Client, NoTls};

use crate::Failure;

const FILL: &str = include_str!("fill.sql");

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    messages: u32,
    users: u32,
    /// All of the first user.
    conversations: u32,
}

impl Size {
    /// As many users and conversations as go with so many messages. A sync looks at 500 conversations, so there are never fewer.
    pub(crate) fn of(messages: u32) -> Self {
        let users = (messages / 25).clamp(2_000, 20_000);
        Self {
            messages,
            users,
            conversations: users / 2 - 400,
        }
    }
}

/// A server that notes what each statement of the product cost.
pub(crate) struct Cluster {
    folder: PathBuf,
    postgres: Postgres,
}

/// A database in it.
#[derive(Debug)]
pub(crate) struct Filled {
    pub(crate) name: String,
    url: String,
    pub(crate) log_file: PathBuf,
}

impl Cluster {
    /// Starts it in `folder`, which must be new.
    pub(crate) async fn start(folder: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder)?;
        let options = Options::new(folder)
            .non_durable()
            .setting("max_wal_size", "4GB")
            .setting("maintenance_work_mem", "256MB")
            // Nothing that comes and goes in the background, else a page would cost a little more or less by chance.
            .setting("autovacuum", "off")
            .setting("jit", "off");
        Ok(Self {
            folder: folder.to_owned(),
            postgres: Postgres::start(options).await?,
        })
    }

    /// Makes a database of this size.
    pub(crate) async fn fill(&self, name: &str, size: Size, without: Option<&str>) -> Result<Filled, Failure> {
        let begin = Instant::now();
        let Size {
            messages,
            users,
            conversations,
        } = size;
        connect(&self.postgres.url())
            .await?
            .batch_execute(&format!("create database {name}"))
            .await?;
        let filled = Filled {
            name: name.to_owned(),
            url: self.url_of(name)?,
            log_file: self.postgres.log_file().to_owned(),
        };
        migrate(&Endpoint::parse(&filled.url)?).await?;
        let statements = FILL
            .replace("$messages", &messages.to_string())
            .replace("$users", &users.to_string())
            .replace("$conversations", &conversations.to_string());
        let sql = filled.connect().await?;
        sql.batch_execute(&statements).await?;
        if let Some(index) = without {
            sql.batch_execute(&removal_of(index)).await?;
        }
        sql.batch_execute("vacuum (freeze, analyze)").await?;
        let seconds = begin.elapsed().as_secs();
        writeln!(
            std::io::stdout(),
            "{name}: {messages} messages, {conversations} conversations, {users} users, filled in {seconds} s"
        )?;
        Ok(filled)
    }

    /// Stops the server and removes the folder.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.postgres.stop().await;
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }

    fn url_of(&self, database: &str) -> Result<String, Failure> {
        let url = self.postgres.url();
        let (head, query) = url
            .split_once('?')
            .ok_or("the URL of the embedded Postgres has no query")?;
        let (server, _) = head
            .rsplit_once('/')
            .ok_or("the URL of the embedded Postgres has no database")?;
        Ok(format!("{server}/{database}?{query}"))
    }
}

impl Filled {
    /// A connection that nothing is noted of.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        connect(&self.url).await
    }

    /// The product's way to the database: one connection, so that statements are prepared once.
    pub(crate) fn database(&self) -> Result<Database, Failure> {
        let endpoint = Endpoint::parse(&self.url)?;
        Ok(Database::new(&DatabaseConfig {
            direct: endpoint.clone(),
            endpoint,
            statements: Statements::Prepared,
            pool_size: 1,
            timeout: Duration::from_mins(5),
            verify_connections: false,
        })?)
    }
}

async fn connect(url: &str) -> Result<Client, Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn removal_of(index: &str) -> String {
    match index.split_once('.') {
        Some((table, constraint)) => format!("alter table {table} drop constraint {constraint}"),
        None => format!("drop index {index}"),
    }
}
