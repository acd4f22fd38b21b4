//! A run of messages, from the handshakes to the report.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, sleep_until, timeout};

use crate::Failure;
use crate::client::{Client, Due, Setting};
use crate::extra::Extra;
use crate::meter::{self, Meter};
use crate::progress;
use crate::report::{Figure, Report, Unit};
use crate::run::Run;
use crate::socket;

/// How many handshakes are under way at a time.
const HANDSHAKES: usize = 32;

/// For how long no frame has to come before everyone counts as up to date.
const QUIET: Duration = Duration::from_millis(300);

/// For how long that is waited for.
const UP_TO_DATE: Duration = Duration::from_secs(30);

/// How long the sockets' ends are waited for.
const CLOSING: Duration = Duration::from_secs(10);

/// The server's work behind the last message, such as marking it as delivered, still belongs to it.
const AFTERMATH: Duration = Duration::from_millis(250);

/// A p99 above which the load generator itself is too slow for what it measures, in milliseconds.
const LATE: f64 = 5.0;

/// A run's clients, connected.
struct Clients {
    due: Vec<UnboundedSender<Due>>,
    tasks: JoinSet<()>,
}

impl Clients {
    async fn close(mut self) {
        self.due.clear();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        // A server that no longer reads would keep a client waiting for ever; what is left ends here.
        let _ = timeout(CLOSING, all).await;
    }
}

/// Sends what the run's schedule says, waits for what is on its way for as long as `drain`, and reports.
pub(crate) async fn run(setting: Setting, pids: &[i32], drain: Duration) -> Result<Report, Failure> {
    let setting = Arc::new(setting);
    let clients = connect(&setting).await?;
    until_quiet(&setting.run).await;

    let begin = setting.run.begin();
    start_schedule(&setting, clients.due.clone());
    let watching = tokio::spawn(watch(Arc::clone(&setting)));
    sleep_until((begin + setting.run.schedule.measured_from()).into()).await;
    let meter = Meter::start(pids).await?;
    let end = begin + setting.run.schedule.due(setting.run.schedule.count());
    sleep_until(end.into()).await;
    let _ = timeout(drain, until_complete(&setting.run)).await;
    sleep(AFTERMATH).await;
    watching.abort();
    let report = report(&setting, &meter, pids).await?;

    clients.close().await;
    Ok(report)
}

async fn connect(setting: &Arc<Setting>) -> Result<Clients, Failure> {
    let mut clients = Clients {
        due: Vec::new(),
        tasks: JoinSet::new(),
    };
    let mut sockets = stream::iter(&setting.accounts)
        .map(|account| socket::open_patiently(&setting.ws, &account.token))
        .buffered(HANDSHAKES);
    while let Some(socket) = sockets.try_next().await? {
        let (sender, due) = unbounded_channel();
        let client = Client::new(Arc::clone(setting), clients.due.len(), due);
        clients.due.push(sender);
        // It reads from now on: what was missed is pushed at once.
        clients.tasks.spawn(client.live(socket));
        progress::prepared(clients.due.len(), setting.accounts.len(), "sockets open");
    }
    Ok(clients)
}

fn start_schedule(setting: &Setting, clients: Vec<UnboundedSender<Due>>) {
    let (mixed, run) = (setting.mixed, &setting.run);
    let (audience, schedule, begin) = (run.audience, run.schedule, run.begin());
    schedule.start(begin, move |message| {
        if mixed && let Some((extra, user)) = Extra::with(message, clients.len()) {
            let _ = clients[user].send(Due::Extra(extra, begin + schedule.due(message)));
        }
        clients[audience.sender(message)].send(Due::Message(message)).is_ok()
    });
}

/// Until what was missed has come, and what is told of the others' connecting.
async fn until_quiet(run: &Run) {
    let quiet = async {
        while run.book().last_frame.elapsed() < QUIET {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let _ = timeout(UP_TO_DATE, quiet).await;
}

async fn until_complete(run: &Run) {
    while !run.book().ledger.is_complete() {
        sleep(Duration::from_millis(10)).await;
    }
}

/// Says every second how it goes.
async fn watch(setting: Arc<Setting>) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.tick().await;
    loop {
        seconds.tick().await;
        let mut book = setting.run.book();
        let line = format!(
            "{:>5.0} s  {} a second, p50 {} ms, p99 {} ms, {} on their way",
            setting.run.begin().elapsed().as_secs_f64(),
            book.recent.count(),
            shown(book.recent.percentile(50.0)),
            shown(book.recent.percentile(99.0)),
            book.ledger.open(),
        );
        book.recent.clear();
        drop(book);
        progress::say(&line);
    }
}

fn shown(milliseconds: Option<f64>) -> String {
    milliseconds.map_or_else(|| "-".to_owned(), |milliseconds| format!("{milliseconds:.2}"))
}

async fn report(setting: &Setting, meter: &Meter, pids: &[i32]) -> Result<Report, Failure> {
    let mut report = outcome(setting);
    let messages = report.value("measured_messages").unwrap_or(0.0);
    report.figures.extend(meter.figures("message", messages).await?);
    report.figures.extend(meter::occupancy_figures(pids).await?);
    Ok(report)
}

/// What became of the messages.
fn outcome(setting: &Setting) -> Report {
    let (schedule, receivers) = (setting.run.schedule, f64::from(setting.run.audience.receivers()));
    let book = setting.run.book();
    let totals = book.ledger.totals();
    let deliveries = count(book.delivered.count());
    let time = book.last_delivery.saturating_sub(schedule.measured_from());
    let mut figures = vec![
        Figure::new("rate", Unit::PerSecond, schedule.rate()),
        Figure::count("sent", totals.sent),
        Figure::count("echoed", totals.echoed),
        Figure::count("delivered", totals.delivered),
        Figure::count("lost", totals.lost),
        Figure::count("repeated", totals.repeated),
        Figure::count("refused", totals.refused),
        Figure::count("unsent", totals.unsent),
        Figure::new("measured_messages", Unit::Count, deliveries / receivers),
    ];
    if !time.is_zero() {
        figures.push(Figure::new(
            "delivered",
            Unit::PerSecond,
            deliveries / time.as_secs_f64(),
        ));
    }
    figures.extend(book.delivered.figures("delivered"));
    figures.extend(book.echoed.figures("echoed"));
    figures.extend(book.written.figures("written"));
    figures.extend(setting.extras.figures());
    // Who reconnects writes later, which is no fault of the load generator.
    let late = !setting.mixed && book.written.percentile(99.0).is_some_and(|late| late > LATE);
    let notes = late
        .then(|| "the load generator itself was late (written_p99_ms): a part of the latencies is its own".to_owned());
    Report {
        figures,
        errors: totals.errors,
        notes: notes.into_iter().collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "nothing is counted up to 2^52")]
fn count(count: u64) -> f64 {
    count as f64
}
