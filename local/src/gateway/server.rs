//! Accepting connections, and stopping in order.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::io::InspectReader;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::Gateway;
use super::call::Endpoints;
use super::spelling::FirstHead;

/// How long accepting rests when the process has no descriptors or memory left: connections that end give some back.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);

/// The largest head of a request, in bytes.
const MAX_HEAD_SIZE: usize = 64 * 1024;

/// What every connection is served with.
#[derive(Clone)]
struct Server {
    router: Router,
    header_timeout: Duration,
    stop: CancellationToken,
}

/// See [`Gateway::serve`].
pub(super) async fn serve(gateway: Gateway, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let server = Server {
        router: gateway.router,
        header_timeout: gateway.options.http.header_timeout,
        stop: gateway.stop.clone(),
    };
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, _)) => {
                gateway.tasks.spawn(server.clone().serve_connection(stream));
            }
            Err(error) => recover(&error).await,
        }
    }
    drop(listener);
    gateway.stop.cancel();
    gateway.tasks.close();
    if timeout(gateway.options.shutdown_deadline, gateway.tasks.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            unfinished = gateway.tasks.len(),
            "stopped before everything had finished"
        );
    }
}

/// A failed accept is the client's failure (it hung up meanwhile) or the machine's; neither ends the server.
async fn recover(error: &io::Error) {
    let client_failed = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset
    );
    if !client_failed {
        tracing::error!(%error, "can't accept connections");
        sleep(ACCEPT_BACKOFF).await;
    }
}

impl Server {
    async fn serve_connection(self, stream: TcpStream) {
        let Ok(endpoints) = prepare(&stream) else {
            return;
        };
        let router = self.router;
        let head = FirstHead::default();
        let stream = InspectReader::new(stream, head.recorder(MAX_HEAD_SIZE));
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(endpoints);
            request.extensions_mut().insert(head.clone());
            router.clone().oneshot(request)
        });
        // Not `axum::serve`: that gives a client all the time it likes to send a request's head.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(MAX_HEAD_SIZE)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// Small frames go out at once: what delays them (Nagle) only pays where writes are not batched already.
fn prepare(stream: &TcpStream) -> io::Result<Endpoints> {
    stream.set_nodelay(true)?;
    Ok(Endpoints {
        peer: stream.peer_addr()?,
        local: stream.local_addr()?,
    })
}
