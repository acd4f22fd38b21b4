//! `PgBouncer` between a test's server and Postgres.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use shared::db::connect::Endpoint;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};
use tokio_postgres::config::Host;

use super::unique;

/// Set to `pgbouncer`, it puts one before every test's Postgres.
const VARIABLE: &str = "CONFAB_TEST_POOLER";

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// When a client's session meets another of Postgres'.
#[derive(Clone, Copy)]
pub enum Mode {
    /// With each transaction: what is a session's does not last.
    Transaction,
    /// Never: for what is prepared by name.
    Session,
}

/// A `PgBouncer` of the test's own, on a Unix socket. It ends with this.
pub struct Pooler {
    folder: PathBuf,
    url: String,
    _process: Child,
}

impl Pooler {
    /// Whether the tests are to run behind a pooler.
    pub fn is_wanted() -> bool {
        match std::env::var(VARIABLE).as_deref() {
            Ok("pgbouncer") => true,
            Ok("") | Err(_) => false,
            Ok(other) => panic!("{VARIABLE} is {other:?}: pgbouncer expected"),
        }
    }

    /// Starts one before the database of `url`, with fewer sessions than the server has connections, so that they are shared.
    pub async fn start(url: &str, mode: Mode) -> Self {
        let folder = std::env::temp_dir().join(unique("pgb"));
        std::fs::create_dir(&folder).unwrap();
        let configuration = folder.join("pgbouncer.ini");
        let target = Endpoint::parse(url).unwrap();
        std::fs::write(&configuration, configure(&target, &folder, mode)).unwrap();
        // As whoever owns Postgres' socket, since it refuses root; and it ends with the test even where that is killed.
        let owner = socket_folder(&target).metadata().unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "pgbouncer", "--quiet"])
            .arg(&configuration)
            .current_dir("/")
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log")).unwrap())
            .kill_on_drop(true);
        if nix::unistd::Uid::effective().is_root() {
            chown(&folder, Some(owner.uid()), Some(owner.gid())).unwrap();
            command.uid(owner.uid()).gid(owner.gid());
        }
        let process = command.spawn().expect("setpriv and PgBouncer: see .ci/run");
        let database = target.config().get_dbname().unwrap();
        let pooler = Self {
            url: format!("host='{}' port=6432 user=confab dbname={database}", folder.display()),
            folder,
            _process: process,
        };
        pooler.wait_until_ready().await;
        pooler
    }

    /// The database's URL by way of the pooler.
    pub fn url(&self) -> &str {
        &self.url
    }

    async fn wait_until_ready(&self) {
        let deadline = Instant::now() + START_TIMEOUT;
        let endpoint = Endpoint::parse(&self.url).unwrap();
        while let Err(error) = endpoint.connect().await {
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "PgBouncer does not serve: {error:?}\n{log}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn configure(target: &Endpoint, folder: &Path, mode: Mode) -> String {
    let (mode, size) = match mode {
        Mode::Transaction => ("transaction", 3),
        Mode::Session => ("session", 20),
    };
    let (host, user) = (socket_folder(target).display(), target.config().get_user().unwrap());
    format!(
        "[databases]\n\
         * = host='{host}' user={user}\n\
         [pgbouncer]\n\
         unix_socket_dir = {folder}\n\
         unix_socket_mode = 0777\n\
         listen_port = 6432\n\
         auth_type = any\n\
         pool_mode = {mode}\n\
         default_pool_size = {size}\n\
         server_login_retry = 1\n",
        folder = folder.display(),
    )
}

fn socket_folder(target: &Endpoint) -> &Path {
    match &target.config().get_hosts()[0] {
        Host::Unix(folder) => folder,
        Host::Tcp(host) => panic!("{host} is no Unix socket"),
    }
}
