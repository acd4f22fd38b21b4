//! A database of its own, as the product keeps it, with users who are connected.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use local::postgres::{Options, Postgres};
use shared::Config;
use shared::db::messages::{self, NewMessage};
use shared::db::migrate::migrate;
use shared::db::{Database, connections, users};
use shared::domain::{ConnectionId, Content, Destination, Email, UserId, Username};
use tokio::runtime::Runtime;

/// Enough that nobody sends more than ten messages a second.
const USERS: usize = 500;

/// How many of them write nothing but a page of history to each other.
const WRITERS_OF_HISTORY: usize = 2;

/// Connections that a user may have.
const CONNECTIONS: u16 = 32;

static WORLD: OnceLock<World> = OnceLock::new();

/// Who there is, and where what they say is stored.
pub(crate) struct World {
    pub(crate) runtime: Runtime,
    pub(crate) db: Database,
    pub(crate) users: Vec<(UserId, ConnectionId)>,
    postgres: std::sync::Mutex<Option<Postgres>>,
    folder: PathBuf,
    next: AtomicUsize,
}

/// Made when it is first asked for.
pub(crate) fn world() -> &'static World {
    WORLD.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let folder = std::env::temp_dir().join(format!("confab-benches-{}", std::process::id()));
        let (postgres, db, users) = runtime.block_on(async {
            std::fs::create_dir_all(&folder).unwrap();
            let postgres = Postgres::start(Options::new(folder.join("cluster"))).await.unwrap();
            let db = database(&postgres.url()).await;
            let users = users(&db).await;
            write_history(&db, &users).await;
            (postgres, db, users)
        });
        World {
            runtime,
            db,
            users,
            postgres: std::sync::Mutex::new(Some(postgres)),
            folder,
            next: AtomicUsize::new(0),
        }
    })
}

/// Ends the database and removes its folder, if there is one.
pub(crate) fn stop() {
    let Some(world) = WORLD.get() else { return };
    world.db.close();
    if let Some(postgres) = world.postgres.lock().unwrap().take() {
        world.runtime.block_on(postgres.stop());
    }
    std::fs::remove_dir_all(&world.folder).unwrap();
}

impl World {
    /// Whose turn it is to send, and to whom.
    pub(crate) fn next_pair(&self) -> (&ConnectionId, UserId) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let sender = WRITERS_OF_HISTORY + turn % (USERS - WRITERS_OF_HISTORY);
        (&self.users[sender].1, self.users[sender ^ 1].0)
    }
}

async fn database(url: &str) -> Database {
    // As `local` sets them: a session here has no reason to be dead.
    let config = Config::read(&|name| match name {
        "DATABASE_URL" => Some(url.to_owned()),
        "DATABASE_VERIFY_CONNECTIONS" => Some("false".to_owned()),
        _ => None,
    })
    .unwrap();
    let config = config.database().unwrap();
    migrate(&config.direct).await.unwrap();
    Database::new(config).unwrap()
}

/// Each with a connection, and without a password.
async fn users(db: &Database) -> Vec<(UserId, ConnectionId)> {
    let mut users = Vec::with_capacity(USERS);
    for number in 0..USERS {
        let name = Username::parse(&format!("user{number}")).unwrap();
        let email = Email::parse(&format!("user{number}@example.com")).unwrap();
        let user = users::insert(db, &name, &email, "").await.unwrap();
        let connection = ConnectionId::new(format!("connection{number}"));
        connections::open(db, &connection, user, CONNECTIONS)
            .await
            .unwrap()
            .unwrap();
        users.push((user, connection));
    }
    users
}

/// Ten messages each, as many as one may send at once.
async fn write_history(db: &Database, users: &[(UserId, ConnectionId)]) {
    for number in 0..20 {
        let (_, connection) = &users[number % WRITERS_OF_HISTORY];
        let (receiver, _) = users[(number + 1) % WRITERS_OF_HISTORY];
        let new = NewMessage {
            connection,
            destination: Destination::User(receiver),
            content: &content(),
            reply_to: None,
            client_id: None,
        };
        messages::send(db, &new).await.unwrap();
    }
}

/// 64 bytes.
pub(crate) fn content() -> Content {
    Content::parse(&"01234567".repeat(8)).unwrap()
}
