//! Cancelling a statement that nobody waits for any more.

mod held_open;

use std::io;
use std::net::IpAddr;

use futures_util::future::join_all;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, Client};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::Endpoint;
use held_open::{HeldOpen, HeldOpenTls};

/// Where Postgres listens if nothing else is said.
const DEFAULT_PORT: u16 = 5432;

/// Has the server of `endpoint` cancel what runs on `client`, and ends once the server has answered. One that hangs never does, so the
/// caller sets a limit.
///
/// tokio-postgres' own `cancel_query` hangs up as soon as it has asked. `PgBouncer` 1.18 ends with all its connections when a client
/// does that before Postgres has answered (<https://github.com/pgbouncer/pgbouncer/issues/801>). So this does as libpq does, and waits
/// until the other side hangs up.
pub(super) async fn cancel(client: &Client, endpoint: &Endpoint) {
    ask_every_host(&client.cancel_token(), endpoint).await;
}

/// The token does not tell which of its hosts the client is connected to. It means nothing to the others.
async fn ask_every_host(token: &CancelToken, endpoint: &Endpoint) {
    let config = endpoint.config();
    let hosts = config.get_hosts().iter().enumerate().map(|(position, host)| {
        let address = config.get_hostaddrs().get(position).copied();
        // One port is for all hosts.
        let port = config.get_ports().get(position).or(config.get_ports().first());
        let port = port.copied().unwrap_or(DEFAULT_PORT);
        async move {
            let asked = match host {
                Host::Unix(folder) => {
                    let socket = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await;
                    ask(token, endpoint.connector(), "", socket).await
                }
                Host::Tcp(name) => ask_every_address(token, endpoint.connector(), name, address, port).await,
            };
            if let Err(error) = asked {
                tracing::debug!(%error, "a statement was not cancelled");
            }
        }
    });
    join_all(hosts).await;
}

/// A name can stand for several addresses, of which the client has one.
async fn ask_every_address(
    token: &CancelToken,
    connector: MakeRustlsConnect,
    name: &str,
    address: Option<IpAddr>,
    port: u16,
) -> io::Result<()> {
    let addresses: Vec<_> = match address {
        Some(address) => vec![(address, port).into()],
        None => lookup_host((name, port)).await?.collect(),
    };
    let asked = addresses.into_iter().map(|address| {
        let connector = connector.clone();
        async move { ask(token, connector, name, TcpStream::connect(address).await).await }
    });
    join_all(asked).await.into_iter().collect()
}

async fn ask<S>(
    token: &CancelToken,
    mut connector: MakeRustlsConnect,
    name: &str,
    socket: io::Result<S>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let socket = HeldOpen::new(socket?);
    let tls = MakeTlsConnect::<HeldOpen<S>>::make_tls_connect(&mut connector, name).map_err(io::Error::other)?;
    token
        .cancel_query_raw(socket, HeldOpenTls(tls))
        .await
        .map_err(io::Error::other)
}
