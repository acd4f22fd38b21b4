//! The command line.

mod banner;
mod serve;
mod sockets;

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};
use shared::db::connect::Endpoint;
use shared::db::migrate::migrate;
use url::Url;

use crate::logging::{self, Format};
use crate::postgres;
use crate::server::Settings;
use crate::{database, gateway};
use sockets::Sockets;

const DEFAULT_PORT: u16 = 8080;

/// What any part of a run can fail with; all that is left to do with it is to print it.
type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Confab on this machine: the functions of `template.yaml` behind a gateway that behaves as API Gateway does.
///
/// Settings come from the environment or from a file `.env`; the README lists them. An empty one counts as absent.
#[derive(Debug, Parser)]
#[command(name = "local", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// The address to listen on.
    #[arg(long, global = true, env = "CONFAB_HOST", default_value = "127.0.0.1", value_parser = or_blank::<IpAddr>)]
    host: OrBlank<IpAddr>,
    /// The port to listen on; 0 for any free one.
    #[arg(long, global = true, env = "PORT", default_value = "8080", value_parser = or_blank::<u16>)]
    port: OrBlank<u16>,
    /// Proxies whose X-Forwarded-For is believed.
    #[arg(long = "trusted-proxy", global = true, env = "TRUSTED_PROXIES", value_delimiter = ',', value_parser = or_blank::<IpAddr>)]
    trusted_proxies: Vec<OrBlank<IpAddr>>,
    /// Origins of web pages that may call the HTTP API, instead of the template's.
    #[arg(
        long = "cors-origin",
        global = true,
        env = "CORS_ALLOWED_ORIGINS",
        value_delimiter = ','
    )]
    cors_origins: Vec<String>,
    /// The SAM template [default: template.yaml here or in a folder above].
    #[arg(long, global = true, env = "CONFAB_TEMPLATE")]
    template: Option<PathBuf>,
    /// Where the embedded Postgres and the signing key are kept [default: .confab beside the template].
    #[arg(long, global = true, env = "CONFAB_DIR")]
    folder: Option<PathBuf>,
    /// The Lambda Invoke API that runs the functions, instead of this process: `http://127.0.0.1:9000` for `cargo lambda watch`.
    #[arg(long, env = "CONFAB_LAMBDA", value_name = "URL", value_parser = or_blank::<Url>)]
    lambda: Option<OrBlank<Url>>,
    /// Take calls to @connections only with a signature (AWS Signature Version 4), from any address [always so with a --host beyond
    /// loopback or a --trusted-proxy].
    #[arg(long, global = true, env = "CONFAB_REQUIRE_SIGV4", value_parser = FalseyValueParser::new())]
    require_sigv4: bool,
    #[command(flatten)]
    sockets: Sockets,
    /// How log lines are written.
    #[arg(long, global = true, env = "LOG_FORMAT", default_value = "text", value_parser = or_blank::<Format>)]
    log_format: OrBlank<Format>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves as without a command, but has `cargo lambda watch` run the functions, and build them anew when their sources change.
    Watch(Watch),
    /// Brings the database's schema up to date and ends.
    Migrate,
    /// Keeps the Postgres that the tests share, until nobody uses it any more.
    #[command(hide = true)]
    PostgresKeeper,
}

#[derive(Debug, Args)]
struct Watch {
    /// How many instances of a function may run at once.
    #[arg(long, default_value = "4")]
    concurrency: NonZero<u16>,
    /// Build the functions for speed.
    #[arg(long)]
    release: bool,
}

/// The value of a setting, or nothing where the variable is set but empty.
type OrBlank<T> = std::option::Option<T>;

fn or_blank<T: FromStr<Err: Display>>(text: &str) -> Result<OrBlank<T>, String> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|error: T::Err| error.to_string()),
    }
}

impl Cli {
    /// Reads the command line; ends the process where it asks for help or is wrong.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::parse()
    }

    fn template(&self) -> PathBuf {
        let given = self.template.clone().filter(|path| !path.as_os_str().is_empty());
        given.unwrap_or_else(find_template)
    }

    fn folder(&self) -> PathBuf {
        let beside = || self.template().parent().unwrap_or(Path::new(".")).join(".confab");
        let given = self.folder.clone().filter(|path| !path.as_os_str().is_empty());
        given.unwrap_or_else(beside)
    }

    fn address(&self) -> SocketAddr {
        let host = self.host.unwrap_or(Ipv4Addr::LOCALHOST.into());
        SocketAddr::new(host, self.port.unwrap_or(DEFAULT_PORT))
    }

    fn cors_origins(&self) -> Option<Vec<String>> {
        let origins: Vec<_> = self
            .cors_origins
            .iter()
            .filter(|origin| !origin.is_empty())
            .cloned()
            .collect();
        (!origins.is_empty()).then_some(origins)
    }

    fn trusted_proxies(&self) -> Vec<IpAddr> {
        self.trusted_proxies.iter().flatten().copied().collect()
    }

    /// Whether it is asked for, or others than this machine's processes may get through: from beyond loopback, or by a proxy, whose
    /// calls can look like this machine's own.
    fn requires_sigv4(&self) -> bool {
        self.require_sigv4 || !self.address().ip().is_loopback() || !self.trusted_proxies().is_empty()
    }

    fn settings(&self) -> Settings {
        Settings {
            lookup: Box::new(|name| std::env::var(name).ok()),
            folder: self.folder(),
            template: self.template(),
            lambda: self.lambda.clone().flatten(),
            require_sigv4: self.requires_sigv4(),
            gateway: gateway::Options {
                trusted_proxies: self.trusted_proxies(),
                cors_origins: self.cors_origins(),
                websocket: self.sockets.options(),
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
    logging::start(filter.as_deref(), cli.log_format.unwrap_or(Format::Text))
        .map_err(|error| format!("RUST_LOG is {filter:?}, which is no filter: {error}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match &cli.command {
            None => Box::pin(serve::serve(cli, None)).await,
            Some(Command::Watch(watch)) => Box::pin(serve::serve(cli, Some(watch))).await,
            Some(Command::Migrate) => bring_up_to_date(cli).await,
            Some(Command::PostgresKeeper) => Ok(postgres::keep(&cli.folder()).await?),
        }
    })
}

async fn bring_up_to_date(cli: &Cli) -> Result<(), AnyError> {
    let set = |name: &'static str| {
        let url = std::env::var(name).ok().filter(|url| !url.is_empty());
        url.map(|url| (name, url))
    };
    let (name, url) = set("DATABASE_DIRECT_URL").or_else(|| set("DATABASE_URL")).unzip();
    let (postgres, url) = database::obtain(url, &cli.folder()).await?;
    let result = match Endpoint::parse(&url) {
        Ok(endpoint) => migrate(&endpoint).await.map(drop).map_err(AnyError::from),
        Err(error) => Err(format!("{} {error}", name.unwrap_or("DATABASE_URL")).into()),
    };
    if let Some(postgres) = postgres {
        postgres.stop().await;
    }
    result
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

#[cfg(test)]
mod tests {
    use super::*;

    fn requires_signatures(arguments: &[&str]) -> bool {
        Cli::parse_from(["local"].iter().chain(arguments))
            .settings()
            .require_sigv4
    }

    #[test]
    fn beyond_loopback_calls_to_connections_must_be_signed() {
        for host in ["127.0.0.1", "127.1.2.3", "::1"] {
            assert!(!requires_signatures(&["--host", host]), "{host}");
            assert!(requires_signatures(&["--host", host, "--require-sigv4"]), "{host}");
        }
        for host in ["0.0.0.0", "::", "192.0.2.7"] {
            assert!(requires_signatures(&["--host", host]), "{host}");
        }
    }

    #[test]
    fn behind_a_proxy_calls_to_connections_must_be_signed() {
        for proxy in ["127.0.0.1", "::1", "192.0.2.7"] {
            assert!(requires_signatures(&["--trusted-proxy", proxy]), "{proxy}");
        }
        assert!(!requires_signatures(&["--trusted-proxy", ""]), "a blank one is none");
    }
}
