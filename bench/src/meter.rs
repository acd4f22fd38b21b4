//! What a piece of work costs: the server's processes, and the load generator itself.

use std::time::{Duration, Instant};

use crate::Failure;
use crate::processes;
use crate::report::{Figure, Unit};

/// Runs from the beginning of a piece of work to its end.
#[derive(Debug)]
pub(crate) struct Meter {
    pids: Vec<i32>,
    at_start: Times,
    started: Instant,
}

/// Processor times so far.
#[derive(Debug, Clone, Copy)]
struct Times {
    server: Duration,
    own: Duration,
    machine: Duration,
}

impl Meter {
    /// Begins.
    pub(crate) async fn start(pids: &[i32]) -> Result<Self, Failure> {
        Ok(Self {
            pids: pids.to_vec(),
            at_start: Times::now(pids).await?,
            started: Instant::now(),
        })
    }

    /// What it has cost since, in all and for each of `count` things called `what`.
    pub(crate) async fn figures(&self, what: &str, count: f64) -> Result<Vec<Figure>, Failure> {
        let now = Times::now(&self.pids).await?;
        let time = self.started.elapsed().as_secs_f64();
        let server = now.server.saturating_sub(self.at_start.server);
        let own = now.own.saturating_sub(self.at_start.own);
        let others = now
            .machine
            .saturating_sub(self.at_start.machine)
            .saturating_sub(server + own);
        let mut figures = Vec::new();
        for (whose, cpu) in [("server", server), ("generator", own), ("others", others)] {
            let cpu = cpu.as_secs_f64();
            if whose == "server" && self.pids.is_empty() {
                continue;
            }
            if count > 0.0 && whose != "others" {
                figures.push(Figure::new(
                    format!("{whose}_cpu_per_{what}"),
                    Unit::Microseconds,
                    cpu * 1e6 / count,
                ));
            }
            figures.push(Figure::new(format!("{whose}_busy"), Unit::Processors, cpu / time));
        }
        Ok(figures)
    }
}

impl Times {
    /// Read beside the runtime, which has messages to send.
    async fn now(pids: &[i32]) -> Result<Self, Failure> {
        let pids = pids.to_vec();
        let read = move || {
            Ok::<_, Failure>(Self {
                server: processes::processor_time(&pids)?,
                own: processes::processor_time(&[processes::own()])?,
                machine: processes::machine_time()?,
            })
        };
        tokio::task::spawn_blocking(read).await?
    }
}

/// What the server's processes occupy now; `None` where none was named.
pub(crate) async fn occupancy(pids: &[i32]) -> Result<Option<processes::Occupancy>, Failure> {
    if pids.is_empty() {
        return Ok(None);
    }
    let pids = pids.to_vec();
    let occupancy = tokio::task::spawn_blocking(move || processes::occupancy(&pids)).await??;
    Ok(Some(occupancy))
}

/// The same as figures; none where no process was named.
pub(crate) async fn occupancy_figures(pids: &[i32]) -> Result<Vec<Figure>, Failure> {
    Ok(occupancy(pids).await?.map_or_else(Vec::new, |occupancy| {
        vec![
            Figure::new("server_memory", Unit::Mebibytes, mebibytes(occupancy.memory)),
            Figure::count("server_processes", occupancy.processes),
        ]
    }))
}

#[expect(clippy::cast_precision_loss, reason = "no memory has 2^52 bytes")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
