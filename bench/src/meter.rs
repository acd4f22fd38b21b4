//! What a piece of work costs: the server's processes, and the load generator itself.

use std::time::{Duration, Instant};

use crate::Failure;
use crate::processes;
use crate::report::{Figure, Unit};

/// Runs from the beginning of a piece of work to its end.
#[derive(Debug)]
pub(crate) struct Meter {
    pids: Vec<i32>,
    server: Duration,
    own: Duration,
    started: Instant,
}

impl Meter {
    /// Begins.
    pub(crate) async fn start(pids: &[i32]) -> Result<Self, Failure> {
        let (server, own) = processor_times(pids.to_vec()).await?;
        Ok(Self {
            pids: pids.to_vec(),
            server,
            own,
            started: Instant::now(),
        })
    }

    /// What it has cost since, in all and for each of `count` things called `what`.
    pub(crate) async fn figures(&self, what: &str, count: f64) -> Result<Vec<Figure>, Failure> {
        let (server, own) = processor_times(self.pids.clone()).await?;
        let time = self.started.elapsed().as_secs_f64();
        let server = server.saturating_sub(self.server).as_secs_f64();
        let own = own.saturating_sub(self.own).as_secs_f64();
        let mut figures = Vec::new();
        let mut take = |whose: &str, cpu: f64| {
            if count > 0.0 {
                figures.push(Figure::new(
                    format!("{whose}_cpu_per_{what}"),
                    Unit::Microseconds,
                    cpu * 1e6 / count,
                ));
            }
            figures.push(Figure::new(format!("{whose}_busy"), Unit::Processors, cpu / time));
        };
        if !self.pids.is_empty() {
            take("server", server);
        }
        take("generator", own);
        Ok(figures)
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

/// Of the server's processes and of this one; beside the runtime, which has messages to send.
async fn processor_times(pids: Vec<i32>) -> Result<(Duration, Duration), Failure> {
    let read = move || {
        let server = processes::processor_time(&pids)?;
        Ok::<_, Failure>((server, processes::processor_time(&[processes::own()])?))
    };
    tokio::task::spawn_blocking(read).await?
}
