//! The way from the gateway to Postgres, which can be cut.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// A port of this machine behind which lies a Unix socket.
pub(crate) struct Proxy {
    address: SocketAddr,
    connections: Arc<Mutex<CancellationToken>>,
    _listener: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Passes on to `socket` whatever comes in.
    pub(crate) async fn start(socket: PathBuf) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let connections = Arc::new(Mutex::new(CancellationToken::new()));
        let listen = listen(listener, socket, connections.clone());
        Ok(Self {
            address,
            connections,
            _listener: AbortOnDropHandle::new(tokio::spawn(listen)),
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts all connections; new ones may come.
    pub(crate) fn cut(&self) {
        std::mem::take(&mut *lock(&self.connections)).cancel();
    }
}

fn lock(connections: &Mutex<CancellationToken>) -> std::sync::MutexGuard<'_, CancellationToken> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(listener: TcpListener, socket: PathBuf, connections: Arc<Mutex<CancellationToken>>) {
    while let Ok((client, _)) = listener.accept().await {
        let is_cut = lock(&connections).clone();
        let socket = socket.clone();
        tokio::spawn(async move { is_cut.run_until_cancelled(pass_on(client, socket)).await });
    }
}

async fn pass_on(mut client: TcpStream, socket: PathBuf) {
    // While Postgres is away nobody listens, which the client learns by the end of its connection.
    if let Ok(mut server) = UnixStream::connect(socket).await {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
