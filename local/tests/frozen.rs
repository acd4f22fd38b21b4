//! Connections to Postgres that died without a notice, as a function finds them that was frozen.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use local::postgres::SharedPostgres;
use shared::db::connect::Endpoint;
use shared::db::{Database, DatabaseConfig, DbError, Statements};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_postgres::config::Host;

/// How long a silent connection is waited for: much longer than a machine with other things to do needs for an answer.
const TIMEOUT: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_connection_that_died_during_a_break_is_replaced() {
    let world = World::new("frozen_break").await;
    world.db.ping().await.unwrap();

    world.silence.send_modify(|count| *count += 1);
    world.db.distrust_connections();
    world.db.ping().await.unwrap();
}

#[tokio::test]
async fn a_connection_is_tried_once_after_a_break_and_not_before_each_statement() {
    let world = World::new("frozen_once").await;
    world.db.ping().await.unwrap();
    world.db.distrust_connections();
    world.db.ping().await.unwrap();

    world.silence.send_modify(|count| *count += 1);
    // A trial would have found out, and the statement would have had another connection.
    let failure = world.db.ping().await.unwrap_err();
    assert!(matches!(failure, DbError::TimedOut(_)), "{failure}");
}

/// A pool with one connection, by way of a proxy.
struct World {
    db: Database,
    /// Whoever is connected hears nothing any more once this has changed.
    silence: watch::Sender<usize>,
    _postgres: SharedPostgres,
}

impl World {
    async fn new(name: &str) -> Self {
        let local = Path::new(env!("CARGO_BIN_EXE_local"));
        let folder = local.parent().unwrap().join("test-postgres");
        let postgres = SharedPostgres::acquire(local, &folder).await.unwrap();
        let name = format!("{name}_{}", uuid::Uuid::now_v7().simple());
        postgres.create_database(&name, None).await.unwrap();
        let silence = watch::Sender::new(0);
        let proxy = proxy(socket(&postgres.database_url(&name)), silence.clone()).await;
        let url = format!("postgres://confab@{proxy}/{name}?sslmode=disable");
        let endpoint = Endpoint::parse(&url).unwrap();
        let db = Database::new(&DatabaseConfig {
            direct: endpoint.clone(),
            endpoint,
            statements: Statements::Unnamed,
            pool_size: 1,
            timeout: TIMEOUT,
            verify_connections: true,
        });
        Self {
            db: db.unwrap(),
            silence,
            _postgres: postgres,
        }
    }
}

/// The socket behind a URL of the tests' cluster.
fn socket(url: &str) -> PathBuf {
    let endpoint = Endpoint::parse(url).unwrap();
    let config = endpoint.config();
    let Some(Host::Unix(folder)) = config.get_hosts().first() else {
        panic!("{url} is no socket");
    };
    folder.join(format!(".s.PGSQL.{}", config.get_ports().first().unwrap_or(&5432)))
}

async fn proxy(socket: PathBuf, silence: watch::Sender<usize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass_on(client, socket.clone(), silence.subscribe()));
        }
    });
    address
}

/// Passes bytes on until there is silence, and then keeps the connection open without a word.
async fn pass_on(mut client: TcpStream, socket: PathBuf, mut silence: watch::Receiver<usize>) {
    let mut server = UnixStream::connect(socket).await.unwrap();
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = silence.changed() => std::future::pending().await,
    }
}
