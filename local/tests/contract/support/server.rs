use std::time::Duration;

use lambda_emulator::Emulator;
use local::postgres::SharedPostgres;
use local::server::{Server, ServerError};
use reqwest::Method;
use reqwest_middleware::{ClientWithMiddleware, RequestBuilder};
use shared::db::connect::Endpoint;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::options::{settings, way};
use super::{Mode, Options, Pooler, Socket, User, database, http_client, lambda};

/// How long functions may take to end: far more than they ever do on a busy machine.
const DEADLINE: Duration = Duration::from_secs(40);

/// A server with a database of its own.
pub struct TestServer {
    address: String,
    database_url: String,
    http: ClientWithMiddleware,
    stop: CancellationToken,
    task: JoinHandle<()>,
    /// Where the functions run, in Lambda mode.
    emulator: Option<Emulator>,
    /// Kept for a restart.
    options: Options,
    /// Held so that the shared Postgres stays, where the database is in it.
    postgres: Option<SharedPostgres>,
    /// Held so that it stays, where one is wanted.
    pooler: Option<Pooler>,
}

impl TestServer {
    /// A server as the product starts it.
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    /// A server with other settings.
    pub async fn with(options: Options) -> Self {
        let postgres = database::postgres().await;
        let name = database::create(&postgres).await;
        let database_url = postgres.database_url(&name);
        Self::on(Some(postgres), database_url, options).await
    }

    /// A server on a database of the test's own.
    pub async fn on_database(database_url: String) -> Self {
        Self::on(None, database_url, Options::default()).await
    }

    async fn on(postgres: Option<SharedPostgres>, database_url: String, options: Options) -> Self {
        let pooler = start_pooler(&database_url, &options).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let way = way(&database_url, pooler.as_ref());
        let mut settings = settings(way.clone(), options.clone());
        let emulator = lambda::emulator(&settings.template, &address, &way["DATABASE_URL"], &options.environment).await;
        settings.lambda = emulator.as_ref().map(|emulator| emulator.url().parse().unwrap());
        let server = Server::start(settings).await.unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let stopped = stop.clone().cancelled_owned();
            async move { Box::pin(server.serve(listener, stopped)).await.unwrap() }
        });
        Self {
            address,
            database_url,
            http: http_client(),
            stop,
            task,
            emulator,
            options,
            postgres,
            pooler,
        }
    }

    /// Stops the server in order, and starts another on the same database with the same settings.
    pub async fn restart(mut self) -> Self {
        self.stop.cancel();
        (&mut self.task).await.unwrap();
        // The session that held the gateway's lock may take a moment to end.
        let is_free = "select not exists (
            select from pg_locks join pg_database on database = pg_database.oid
                where locktype = 'advisory' and datname = current_database()
        )";
        self.wait_until(is_free).await;
        Self::on(self.postgres, self.database_url, self.options).await
    }

    /// Tries to start another server on the same database.
    pub async fn try_another(&self) -> Result<(), ServerError> {
        let settings = settings(way(&self.database_url, self.pooler.as_ref()), Options::default());
        Server::start(settings).await.map(drop)
    }

    /// Asks the server to stop, without waiting for it.
    pub fn begin_stop(&self) {
        self.stop.cancel();
    }

    /// Stops the server in order.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// Waits until all functions have ended, with what they do after their answers. In process that is known without waiting.
    pub async fn functions_ended(&self) {
        if let Some(emulator) = &self.emulator {
            let ended = async {
                while !emulator.is_idle() {
                    sleep(Duration::from_millis(1)).await;
                }
            };
            timeout(DEADLINE, ended).await.expect("an end in time");
        }
    }

    /// Where the server listens: `127.0.0.1:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The server's URL for a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request without a token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path))
    }

    /// A new user, registered and logged in, whose name begins with `name`.
    pub async fn user(&self, name: &str) -> User {
        User::register(self, name).await
    }

    /// A socket of the user, after its push on connect has ended with nothing in it.
    pub async fn connect(&self, user: &User) -> Socket {
        let mut socket = self.open(user).await;
        let first = socket.next().await;
        assert_eq!(first, serde_json::json!({"type": "sync_complete", "has_more": false}));
        socket
    }

    /// A socket of the user as it comes: the push on connect is still to be read.
    pub async fn open(&self, user: &User) -> Socket {
        Socket::open(&format!("ws://{}/ws?token={}", self.address, user.token))
            .await
            .unwrap()
    }

    /// A socket whose client's buffers take little, so that the server soon notices that nobody reads.
    pub async fn open_with_small_buffers(&self, user: &User) -> Socket {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(self.address.parse().unwrap()).await.unwrap();
        let url = format!("ws://{}/ws?token={}", self.address, user.token);
        Socket::open_on(stream, &url).await.unwrap()
    }

    /// A connection to the server's database, for what the contract does not show.
    pub async fn sql(&self) -> tokio_postgres::Client {
        Endpoint::parse(&self.database_url).unwrap().connect().await.unwrap()
    }

    /// The name of the server's database, which is in each line that Postgres logs of it.
    pub async fn database(&self) -> String {
        let query = "select current_database()::text";
        self.sql().await.query_one(query, &[]).await.unwrap().get(0)
    }

    /// The log of the Postgres that the tests share.
    pub fn postgres_log(&self) -> std::path::PathBuf {
        self.postgres
            .as_ref()
            .expect("a server on the shared Postgres")
            .log_file()
    }
}

/// The pooler that the tests are to run behind, if any. What is prepared by name needs a session to itself.
async fn start_pooler(database_url: &str, options: &Options) -> Option<Pooler> {
    let statements = options.environment.get("DATABASE_STATEMENTS").map(String::as_str);
    let mode = match statements {
        Some("prepared") => Mode::Session,
        _ => Mode::Transaction,
    };
    if Pooler::is_wanted() {
        Some(Pooler::start(database_url, mode).await)
    } else {
        None
    }
}
