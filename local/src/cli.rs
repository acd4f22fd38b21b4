//! The command line.

mod banner;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use shared::db::connect::Endpoint;
use shared::db::migrate::migrate;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::logging::{self, Format};
use crate::postgres;
use crate::server::{Server, Settings};
use crate::{database, gateway};

/// What any part of a run can fail with; all that is left to do with it is to print it.
type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Confab on this machine: the functions of `template.yaml` behind a gateway that behaves as API Gateway does.
///
/// Settings come from the environment or from a file `.env`; docs/configuration in the README lists them.
#[derive(Debug, Parser)]
#[command(name = "local", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// The address to listen on.
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    host: IpAddr,
    /// The port to listen on; 0 for any free one.
    #[arg(long, env = "PORT", default_value_t = 8080)]
    port: u16,
    /// Proxies whose X-Forwarded-For is believed.
    #[arg(long = "trusted-proxy", env = "TRUSTED_PROXIES", value_delimiter = ',')]
    trusted_proxies: Vec<IpAddr>,
    /// Origins of web pages that may call the HTTP API, instead of the template's.
    #[arg(long = "cors-origin", env = "CORS_ALLOWED_ORIGINS", value_delimiter = ',')]
    cors_origins: Option<Vec<String>>,
    /// The SAM template [default: template.yaml here or in a folder above].
    #[arg(long, env = "CONFAB_TEMPLATE")]
    template: Option<PathBuf>,
    /// Where the embedded Postgres and the signing key are kept [default: .confab beside the template].
    #[arg(long, env = "CONFAB_DIR")]
    folder: Option<PathBuf>,
    /// How log lines are written.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "text")]
    log_format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Brings the database's schema up to date and ends.
    Migrate,
    /// Keeps the Postgres that the tests share, until nobody uses it any more.
    #[command(hide = true)]
    PostgresKeeper {
        /// Where its cluster lies.
        #[arg(long = "folder", id = "keeper_folder")]
        folder: PathBuf,
    },
}

impl Cli {
    /// Reads the command line; ends the process where it asks for help or is wrong.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::parse()
    }

    fn template(&self) -> PathBuf {
        self.template.clone().unwrap_or_else(find_template)
    }

    fn folder(&self) -> PathBuf {
        let beside = || self.template().parent().unwrap_or(Path::new(".")).join(".confab");
        self.folder.clone().unwrap_or_else(beside)
    }

    fn settings(&self) -> Settings {
        Settings {
            lookup: Box::new(|name| std::env::var(name).ok()),
            folder: self.folder(),
            template: self.template(),
            gateway: gateway::Options {
                trusted_proxies: self.trusted_proxies.clone(),
                cors_origins: self.cors_origins.clone(),
                ..gateway::Options::default()
            },
        }
    }
}

/// Does what the command line asks for.
///
/// # Errors
/// Whatever stands in the way, to be printed.
pub fn execute(cli: &Cli, dotenv: dotenvy::Result<PathBuf>) -> Result<(), AnyError> {
    match dotenv {
        Err(error) if !error.not_found() => return Err(format!("the file .env can't be read: {error}").into()),
        _ => {}
    }
    let filter = std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
    logging::start(filter.as_deref(), cli.log_format)
        .map_err(|error| format!("RUST_LOG is {filter:?}, which is no filter: {error}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match &cli.command {
            None => Box::pin(serve(cli)).await,
            Some(Command::Migrate) => bring_up_to_date(cli).await,
            Some(Command::PostgresKeeper { folder }) => Ok(postgres::keep(folder).await?),
        }
    })
}

async fn serve(cli: &Cli) -> Result<(), AnyError> {
    let stop = stop_signal()?;
    let address = SocketAddr::new(cli.host, cli.port);
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("can't listen on {address}: {error}; set PORT to another one"))?;
    tokio::pin!(stop);
    let server = tokio::select! {
        server = Server::start(cli.settings()) => server?,
        () = &mut stop => return Ok(()),
    };
    banner::print(listener.local_addr()?)?;
    Box::pin(server.serve(listener, stop)).await;
    Ok(())
}

async fn bring_up_to_date(cli: &Cli) -> Result<(), AnyError> {
    let url = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
    let (postgres, url) = database::obtain(url, &cli.folder()).await?;
    let result = match Endpoint::parse(&url) {
        Ok(endpoint) => migrate(&endpoint).await.map(drop).map_err(AnyError::from),
        Err(error) => Err(format!("DATABASE_URL {error}").into()),
    };
    if let Some(postgres) = postgres {
        postgres.stop().await;
    }
    result
}

/// Ready when the process is asked to end: Ctrl-C, SIGTERM, or its terminal is gone.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        tracing::info!("stopping");
    })
}

/// `template.yaml` in the current folder or one above, else that of the clone this was built in.
fn find_template() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let found = here
        .ancestors()
        .map(|folder| folder.join("template.yaml"))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml"))
}
