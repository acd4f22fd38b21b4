//! What the clients use and the faults break: a private Postgres, the way to it, and the gateway.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use local::postgres::{Options, Postgres};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use crate::Failure;
use crate::functions::Functions;
use crate::gateway::Gateway;
use crate::plan::{Fault, Step};
use crate::proxy::Proxy;

/// Keeps what the product forgets: all times at which somebody took part in a conversation. The truth is judged by it.
const KEEP_PERIODS: &str = "
    create table fault_test_periods (
        conversation_id uuid, user_id uuid, joined_seq bigint, left_seq bigint,
        primary key (conversation_id, user_id, joined_seq)
    );
    create function fault_test_keep_period() returns trigger language plpgsql as $$
    begin
        insert into fault_test_periods values (new.conversation_id, new.user_id, new.joined_seq, new.left_seq)
            on conflict (conversation_id, user_id, joined_seq) do update set left_seq = excluded.left_seq;
        return null;
    end
    $$;
    create trigger fault_test_keep_period after insert or update of joined_seq, left_seq on members
        for each row execute function fault_test_keep_period()";

/// The gateway's sessions.
const BACKENDS: &str = "select pid from pg_stat_activity where application_name = 'confab' order by pid";

/// Everything that can break.
pub(crate) struct World {
    folder: PathBuf,
    postgres: Postgres,
    proxy: Proxy,
    gateway: Gateway,
    /// Where they are processes of their own.
    functions: Option<Functions>,
}

impl World {
    /// Starts everything in `folder`, which must be new; the functions in the gateway's process, or as in Lambda.
    pub(crate) async fn start(folder: &Path, http: reqwest::Client, in_lambda: bool) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder)?;
        // Durable, as the product runs it: what was committed must survive.
        let postgres = Postgres::start(Options::new(folder.join("cluster"))).await?;
        let proxy = Proxy::start(socket(&postgres.url())?).await?;
        let port = proxy.port();
        let database_url = format!("postgres://confab@127.0.0.1:{port}/confab?sslmode=disable");
        let mut gateway = Gateway::new(folder, database_url.clone(), http)?;
        let mut functions = None;
        if in_lambda {
            let started = Functions::start(folder, gateway.address(), &database_url).await?;
            gateway.set_lambda(started.url());
            functions = Some(started);
        }
        gateway.start().await?;
        let world = Self {
            folder: folder.to_owned(),
            postgres,
            proxy,
            gateway,
            functions,
        };
        world.connect().await?.batch_execute(KEEP_PERIODS).await?;
        Ok(world)
    }

    /// `127.0.0.1:port` of the gateway.
    pub(crate) fn address(&self) -> String {
        self.gateway.address().to_string()
    }

    /// How many processes of each function were killed; `None` where they have no processes.
    pub(crate) fn killed_functions(&self) -> Option<BTreeMap<String, u64>> {
        self.functions.as_ref().map(|functions| functions.killed().clone())
    }

    /// What the product logs to.
    pub(crate) fn logs(&self) -> Vec<PathBuf> {
        let functions = self.functions.iter().map(Functions::log_file);
        functions.chain([self.gateway.log_file()]).collect()
    }

    /// The URL of the database past the proxy.
    pub(crate) fn database_url(&self) -> String {
        self.postgres.url()
    }

    /// A connection to the database that no fault cuts but the death of Postgres.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        let (client, connection) = tokio_postgres::connect(&self.postgres.url(), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Breaks something.
    pub(crate) async fn suffer(&mut self, fault: Step<Fault>) -> Result<(), Failure> {
        match fault.what {
            Fault::KillGateway => self.gateway.kill().await?,
            Fault::KillPostgres => kill(Pid::from_raw(self.postgres.pid()), Signal::SIGKILL)?,
            Fault::KillBackend => self.kill_backend(fault.pick).await?,
            Fault::EndBackends => {
                let end = format!("select pg_terminate_backend(pid) from ({BACKENDS}) backends");
                self.connect().await?.batch_execute(&end).await?;
            }
            Fault::CutDatabase => self.proxy.cut(),
            Fault::KillFunction => {
                let functions = self
                    .functions
                    .as_mut()
                    .ok_or("all functions are in the gateway's process")?;
                functions.kill_one(fault.pick).await?;
            }
        }
        Ok(())
    }

    async fn kill_backend(&self, pick: usize) -> Result<(), Failure> {
        let backends = self.connect().await?.query(BACKENDS, &[]).await?;
        if let Some(backend) = backends.get(pick % backends.len().max(1)) {
            kill(Pid::from_raw(backend.get("pid")), Signal::SIGKILL)?;
        }
        Ok(())
    }

    /// Has everything serve again. Postgres is started again by its supervisor.
    pub(crate) async fn heal(&mut self) -> Result<(), Failure> {
        self.gateway.start().await
    }

    /// Ends everything. The folder is removed, unless somebody wants to look at it.
    pub(crate) async fn stop(mut self, keep: bool) -> Result<(), Failure> {
        self.gateway.kill().await?;
        self.postgres.stop().await;
        if !keep {
            std::fs::remove_dir_all(&self.folder)?;
        }
        Ok(())
    }
}

/// The path of a server's socket.
fn socket(url: &str) -> Result<PathBuf, Failure> {
    let config: Config = url.parse()?;
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts() {
        [Host::Unix(folder)] => Ok(folder.join(format!(".s.PGSQL.{port}"))),
        hosts => Err(format!("the embedded Postgres listens on {hosts:?}, where a Unix socket was expected").into()),
    }
}
