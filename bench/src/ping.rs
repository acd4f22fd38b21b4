//! Clients that ask as soon as they have their last answer: what a frame costs that touches no database.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::Failure;
use crate::accounts::Account;
use crate::frame::Frame;
use crate::latency::Latencies;
use crate::meter::{self, Meter};
use crate::report::{Figure, Report, Unit};
use crate::socket::{self, Socket};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// When is measured.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: Instant,
    to: Instant,
}

/// Has each account ping for the warm-up and the time that is measured.
pub(crate) async fn run(
    ws: &str,
    accounts: &[Account],
    pids: &[i32],
    warm_up: Duration,
    measured: Duration,
) -> Result<Report, Failure> {
    let mut sockets = Vec::new();
    for account in accounts {
        sockets.push(socket::open_patiently(ws, &account.token).await?);
    }
    let from = Instant::now() + warm_up;
    let window = Window {
        from,
        to: from + measured,
    };
    let latencies = Arc::new(Mutex::new(Latencies::new()));
    let mut clients = JoinSet::new();
    for socket in sockets {
        clients.spawn(ask(socket, window, Arc::clone(&latencies)));
    }
    sleep_until(window.from.into()).await;
    let meter = Meter::start(pids).await?;
    let mut report = Report::default();
    while let Some(end) = clients.join_next().await {
        if let Err(code) = end? {
            *report.errors.entry(code).or_default() += 1;
        }
    }
    report.figures = figures(&latencies.lock().unwrap_or_else(PoisonError::into_inner), measured);
    let answers = report.value("answers").unwrap_or(0.0);
    report.figures.extend(meter.figures("answer", answers).await?);
    report.figures.extend(meter::occupancy_figures(pids).await?);
    Ok(report)
}

fn figures(latencies: &Latencies, measured: Duration) -> Vec<Figure> {
    let mut figures = latencies.counted_figures("answers");
    #[expect(clippy::cast_precision_loss, reason = "nothing is counted up to 2^52")]
    let rate = latencies.count() as f64 / measured.as_secs_f64();
    figures.insert(1, Figure::new("answers", Unit::PerSecond, rate));
    figures
}

/// Asks until the window ends, or says why it couldn't.
async fn ask(mut socket: Socket, window: Window, latencies: Arc<Mutex<Latencies>>) -> Result<(), String> {
    loop {
        let asked = Instant::now();
        if asked >= window.to {
            let _ = timeout(PATIENCE, socket.close(None)).await;
            return Ok(());
        }
        let sent = socket.send(Message::text(r#"{"type":"ping"}"#)).await;
        sent.map_err(|_closed| "socket_closed".to_owned())?;
        let answered = timeout(PATIENCE, await_pong(&mut socket)).await;
        answered.unwrap_or_else(|_elapsed| Err("unanswered".to_owned()))?;
        let now = Instant::now();
        if asked >= window.from && now <= window.to {
            latencies
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .record(now - asked);
        }
    }
}

/// Reads until there is an answer, whatever comes before.
async fn await_pong(socket: &mut Socket) -> Result<(), String> {
    while let Some(Ok(frame)) = socket.next().await {
        let Message::Text(text) = frame else { continue };
        match Frame::parse(&text) {
            Frame::Pong => return Ok(()),
            Frame::Refusal { code, .. } => return Err(code.into_owned()),
            Frame::Message { .. } | Frame::Other => {}
        }
    }
    Err("socket_closed".to_owned())
}
