//! Sockets that do nothing: how fast they are accepted, what each takes of the server, and whether they last.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt, stream};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::Failure;
use crate::accounts::Account;
use crate::latency::Latencies;
use crate::meter::{self, Meter};
use crate::processes::Occupancy;
use crate::progress;
use crate::report::{Figure, Report, Unit};
use crate::socket::{self, Reader, Socket, Writer};

/// How many handshakes are under way at a time.
const HANDSHAKES: usize = 32;

/// How long the server is left alone before its memory is read.
const SETTLING: Duration = Duration::from_secs(2);

/// How long the answer to a protocol ping is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens so many sockets, the accounts in turn, lets them be for `time`, and looks whether they are still alive.
pub(crate) async fn run(
    ws: &str,
    accounts: &[Account],
    count: usize,
    pids: &[i32],
    time: Duration,
) -> Result<Report, Failure> {
    allow_files(count)?;
    let before = meter::occupancy(pids).await?;
    let mut sockets = Sockets::default();
    let accepting = Instant::now();
    let mut report = sockets.open(ws, accounts, count).await;
    let accepted_in = accepting.elapsed();
    sleep(SETTLING).await;
    let after = meter::occupancy(pids).await?;

    progress::say(&format!(
        "{} sockets are open; they stay so for {} s",
        sockets.open,
        time.as_secs_f64()
    ));
    let meter = Meter::start(pids).await?;
    sleep(time).await;
    let idle = meter.figures("idle_second", time.as_secs_f64()).await?;
    let open = sockets.open;
    let alive = sockets.count_alive().await;

    report.figures.splice(0..0, accepted(open, alive, accepted_in));
    if let Some((before, after)) = before.zip(after) {
        report.figures.extend(grown(&before, &after, open));
    }
    report.figures.extend(idle);
    report.figures.extend(meter::occupancy_figures(pids).await?);
    Ok(report)
}

fn accepted(open: usize, alive: usize, time: Duration) -> Vec<Figure> {
    let count = Figure::count("open", open);
    let rate = f64::from(u32::try_from(open).unwrap_or(u32::MAX)) / time.as_secs_f64();
    vec![
        count,
        Figure::count("alive_at_the_end", alive),
        Figure::new("accepting_took", Unit::Seconds, time.as_secs_f64()),
        Figure::new("accepted", Unit::PerSecond, rate),
    ]
}

/// By how much each socket has made the server's memory grow: that of all its processes, and that of the named ones alone.
fn grown(before: &Occupancy, after: &Occupancy, sockets: usize) -> [Figure; 2] {
    #[expect(clippy::cast_precision_loss, reason = "no memory has 2^52 bytes")]
    let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / 1024.0 / sockets.max(1) as f64;
    [
        Figure::new(
            "server_memory_per_socket",
            Unit::Kibibytes,
            each(before.memory, after.memory),
        ),
        Figure::new(
            "named_processes_memory_per_socket",
            Unit::Kibibytes,
            each(before.named, after.named),
        ),
    ]
}

/// Sockets, each read by a task, as the server's own pings must be answered.
struct Sockets {
    open: usize,
    tasks: JoinSet<()>,
    /// Set when they are to show that they are alive.
    probe: watch::Sender<bool>,
    alive: Arc<AtomicUsize>,
}

impl Default for Sockets {
    fn default() -> Self {
        Self {
            open: 0,
            tasks: JoinSet::new(),
            probe: watch::Sender::new(false),
            alive: Arc::default(),
        }
    }
}

impl Sockets {
    /// Opens so many; the report has how long the handshakes took, and which failed.
    async fn open(&mut self, ws: &str, accounts: &[Account], count: usize) -> Report {
        let mut report = Report::default();
        let mut handshakes = Latencies::new();
        let mut opening = stream::iter(accounts.iter().cycle().take(count))
            .map(|account| async {
                let begin = Instant::now();
                (socket::open(ws, &account.token).await, begin.elapsed())
            })
            .buffer_unordered(HANDSHAKES);
        while let Some((socket, time)) = opening.next().await {
            match socket {
                Ok(socket) => {
                    handshakes.record(time);
                    self.open += 1;
                    self.tasks
                        .spawn(idle(socket, self.probe.subscribe(), Arc::clone(&self.alive)));
                    if self.open.is_multiple_of(1000) {
                        progress::say(&format!("{} of {count} sockets open", self.open));
                    }
                }
                Err(refused) => *report.errors.entry(refused.code()).or_default() += 1,
            }
        }
        report.figures = handshakes.figures("handshake");
        report
    }

    /// How many answer a ping of the protocol; closes all.
    async fn count_alive(mut self) -> usize {
        self.probe.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        self.alive.load(Ordering::Relaxed)
    }
}

/// Reads until it is to show that it is alive.
async fn idle(socket: Socket, mut probe: watch::Receiver<bool>, alive: Arc<AtomicUsize>) {
    let (mut writer, mut reader) = socket.split();
    loop {
        tokio::select! {
            frame = reader.next() => if !matches!(frame, Some(Ok(_))) { return },
            _ = probe.changed() => break,
        }
    }
    if let Ok(true) = timeout(PATIENCE, is_alive(&mut writer, &mut reader)).await {
        alive.fetch_add(1, Ordering::Relaxed);
    }
    let _ = timeout(PATIENCE, writer.close()).await;
}

/// Whether a ping of the protocol is answered.
async fn is_alive(writer: &mut Writer, reader: &mut Reader) -> bool {
    if writer.send(Message::Ping(Bytes::from_static(b"alive?"))).await.is_err() {
        return false;
    }
    while let Some(Ok(frame)) = reader.next().await {
        if matches!(frame, Message::Pong(_)) {
            return true;
        }
    }
    false
}

/// Raises the number of files that this process may have open, as far as it goes.
fn allow_files(sockets: usize) -> Result<(), Failure> {
    let needed = u64::try_from(sockets)? + 200;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if needed > hard {
        return Err(format!("{sockets} sockets need {needed} open files, and {hard} are allowed (ulimit -Hn)").into());
    }
    if needed > soft {
        setrlimit(Resource::RLIMIT_NOFILE, needed, hard)?;
    }
    Ok(())
}
