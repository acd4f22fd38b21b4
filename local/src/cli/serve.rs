//! Serving, with the functions in this process or in others.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, absolute};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use super::{AnyError, Cli, Watch, banner};
use crate::cargo_lambda::{self, Watched};
use crate::env_file;
use crate::server::Server;
use crate::template::Template;

/// The exit status of who is interrupted, as shells have it: 128 + SIGINT.
const EXIT_INTERRUPTED: i32 = 130;

/// Serves until the process is asked to end.
pub(super) async fn serve(cli: &Cli, watch: Option<&Watch>) -> Result<(), AnyError> {
    let stop = stop_signal()?;
    tokio::pin!(stop);
    let functions = match watch {
        Some(watch) => Functions::watched(cli, watch)?,
        None => Functions::elsewhere(cli),
    };
    let server = tokio::select! {
        server = start(cli, &functions) => server?,
        () = &mut stop => return Ok(()),
    };
    let (mut server, listener) = bind(cli.address(), server).await?;
    let opened = tokio::select! {
        opened = open(cli, functions, &mut server, &listener) => opened.map(|()| true),
        () = &mut stop => Ok(false),
    };
    if let Ok(true) = opened {
        return Ok(Box::pin(server.serve(listener, stop)).await?);
    }
    Box::pin(server.stop()).await;
    opened.map(drop)
}

/// Where functions run.
enum Functions {
    Here,
    Elsewhere(Url),
    /// With the port for it, which is held until it starts: the build takes minutes, in which another process might get it.
    Watched(Watched, std::net::TcpListener),
}

impl Functions {
    fn elsewhere(cli: &Cli) -> Self {
        cli.lambda.clone().flatten().map_or(Self::Here, Self::Elsewhere)
    }

    fn watched(cli: &Cli, watch: &Watch) -> Result<Self, AnyError> {
        if let Some(url) = cli.lambda.as_ref().and_then(Option::as_ref) {
            let both = format!(
                "CONFAB_LAMBDA (or --lambda) is {url}, but watch runs the functions itself: unset it, or leave out watch"
            );
            return Err(both.into());
        }
        let path = cli.template();
        let source = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let functions = Template::parse(&source)?.functions;
        let watched = Watched {
            workspace: absolute(path)?.parent().unwrap_or(Path::new("/")).to_owned(),
            functions: functions.into_iter().map(|function| function.name).collect(),
            concurrency: watch.concurrency,
            release: watch.release,
        };
        Ok(Self::Watched(watched, cargo_lambda::hold_port()?))
    }

    fn url(&self) -> Result<Option<Url>, AnyError> {
        match self {
            Self::Here => Ok(None),
            Self::Elsewhere(url) => Ok(Some(url.clone())),
            Self::Watched(_, port) => Ok(Some(Url::parse(&format!("http://{}", port.local_addr()?))?)),
        }
    }
}

async fn start(cli: &Cli, functions: &Functions) -> Result<Server, AnyError> {
    if let Functions::Watched(watched, _) = functions {
        watched.build().await?;
    }
    let mut settings = cli.settings();
    settings.lambda = functions.url()?;
    Ok(Server::start(settings).await?)
}

/// Listens. This is after the start, which knows better why a second run can't work than that its port is taken.
async fn bind(address: SocketAddr, server: Server) -> Result<(Server, TcpListener), AnyError> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok((server, listener)),
        Err(error) => {
            Box::pin(server.stop()).await;
            Err(format!("can't listen on {address}: {error}; set PORT to another one").into())
        }
    }
}

/// Makes functions in other processes ready, and tells the user that all is.
async fn open(cli: &Cli, functions: Functions, server: &mut Server, listener: &TcpListener) -> Result<(), AnyError> {
    let address = from_this_machine(listener.local_addr()?);
    let env_file = || {
        absolute(cli.folder())
            .and_then(|folder| env_file::write(&folder, &server.environment_of_functions(address)))
            .map_err(|error| format!("the functions' environment can't be written: {error}"))
    };
    let told = match functions {
        Functions::Here => String::new(),
        Functions::Elsewhere(url) => how_to_start(&url, &env_file()?),
        Functions::Watched(watched, port) => {
            let at = port.local_addr()?;
            let cargo_lambda = watched.start(port, &env_file()?).await?;
            server.attach(cargo_lambda);
            format!("  Functions  http://{at}, by cargo lambda watch\n")
        }
    };
    if let Err(error) = banner::print(address, &told) {
        // Whoever started this does not read it; that is no reason not to serve.
        tracing::warn!(%error, "the banner can't be printed");
    }
    Ok(())
}

fn how_to_start(url: &Url, env_file: &Path) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    let env_file = env_file.display();
    format!(
        "  Functions  {url}, if you start them there:\n    cargo lambda watch -A 127.0.0.1 -P {port} --disable-cors --env-file {env_file}\n"
    )
}

/// How this machine itself reaches a server that listens there.
fn from_this_machine(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// Ready when the process is asked to end: Ctrl-C, SIGTERM, or its terminal is gone. Asked once more, it ends at once: Postgres is
/// left running then, and taken over by the next run.
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
        tracing::info!("stopping; a second signal ends this at once");
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            std::process::exit(EXIT_INTERRUPTED);
        });
    })
}
