//! What is measured, and how: the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Parser};
use serde_json::{Value, json};

use crate::payload;

/// Measures a server that has Confab's public contract, by way of that contract alone. Sends are an open loop: a message's latency
/// counts from the moment it was due, not from when the load generator got to it.
#[derive(Debug, Clone, Parser)]
#[command(args_override_self = true, group = ArgGroup::new("measurement").args(["group", "idle", "ping", "mixed"]))]
pub(crate) struct Arguments {
    /// The REST API's URL.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub(crate) base: String,
    /// The WebSocket API's URL [default: /ws below --base].
    #[arg(long)]
    ws: Option<String>,
    /// A process of the server, which counts with all that descend from it; may be given again, say for Postgres.
    #[arg(long)]
    pid: Vec<i32>,

    /// The REST API of a second server, which is measured first, in the same way; the report has ratios.
    #[arg(long)]
    other_base: Option<String>,
    /// The second server's WebSocket API [default: /ws below --other-base].
    #[arg(long, requires = "other_base")]
    other_ws: Option<String>,
    /// A process of the second server; may be given again.
    #[arg(long, requires = "other_base")]
    other_pid: Vec<i32>,

    /// How many users there are; they write to each other in pairs.
    #[arg(long, default_value_t = 200)]
    pub(crate) users: usize,
    /// Messages a second, of all users together.
    #[arg(long, default_value_t = 300.0, value_parser = positive)]
    pub(crate) rate: f64,
    /// For how many seconds is measured; with --find-knee, at each rate.
    #[arg(long, default_value_t = 10.0, value_parser = positive)]
    secs: f64,
    /// For how many seconds the same goes on before, unmeasured.
    #[arg(long, default_value_t = 2.0, value_parser = number)]
    warm_up: f64,
    /// For how many seconds messages are waited for in the end; what comes later is lost.
    #[arg(long, default_value_t = 5.0, value_parser = number)]
    drain: f64,
    /// How long a message is, in bytes.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(20..=4096))]
    bytes: u16,
    /// Sends without `client_id`.
    #[arg(long)]
    pub(crate) no_client_id: bool,
    /// How many messages a second a user may send by the contract, beyond which nothing is measured; 0 for a server without a limit.
    #[arg(long, default_value_t = 10.0, value_parser = number)]
    send_limit: f64,

    /// Finds the highest rate with a p99 below 50 ms and nothing lost, refused or unsent; --rate is tried first.
    #[arg(long, conflicts_with_all = ["idle", "ping"])]
    pub(crate) find_knee: bool,
    /// One group of so many members, who take turns in writing to it, instead of pairs.
    #[arg(long, value_parser = clap::value_parser!(u16).range(2..=256))]
    group: Option<u16>,
    /// So many sockets that do nothing, instead of messages.
    #[arg(long)]
    idle: Option<usize>,
    /// So many clients that send `ping` as soon as they have their last answer (a closed loop), instead of messages.
    #[arg(long)]
    ping: Option<usize>,
    /// Beside the messages, for every tenth of them, a page of history, an edit or a reconnect.
    #[arg(long)]
    pub(crate) mixed: bool,

    /// With --idle: sockets of each user; the contract allows 32.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u16).range(1..=32))]
    sockets_per_user: u16,
    /// What the users' names begin with. They are made where they don't exist, and used again.
    #[arg(long, default_value = "bench")]
    pub(crate) prefix: String,
    /// Threads of the load generator, beside the one that keeps the time.
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Where the report goes as JSON, beside the table.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

/// Where a server is, and what it consists of.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) base: String,
    pub(crate) ws: String,
    pub(crate) pids: Vec<i32>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measurement {
    /// Messages between pairs of users.
    Pairs,
    /// Messages to a group of so many.
    Group(u16),
    /// So many idle sockets, and so many for each user.
    Idle(usize, usize),
    /// So many clients that ping.
    Ping(usize),
}

impl Arguments {
    pub(crate) fn target(&self) -> Target {
        target(&self.base, self.ws.as_deref(), &self.pid)
    }

    /// The server that is measured for comparison.
    pub(crate) fn other_target(&self) -> Option<Target> {
        let base = self.other_base.as_ref()?;
        Some(target(base, self.other_ws.as_deref(), &self.other_pid))
    }

    pub(crate) fn measurement(&self) -> Measurement {
        match (self.group, self.idle, self.ping) {
            (Some(members), ..) => Measurement::Group(members),
            (_, Some(sockets), _) => Measurement::Idle(sockets, self.sockets_per_user.into()),
            (.., Some(clients)) => Measurement::Ping(clients),
            _ => Measurement::Pairs,
        }
    }

    /// How many users the measurement takes.
    pub(crate) fn accounts(&self) -> usize {
        match self.measurement() {
            Measurement::Pairs => self.users,
            Measurement::Group(members) => members.into(),
            Measurement::Idle(sockets, each) => sockets.div_ceil(each),
            Measurement::Ping(clients) => clients,
        }
    }

    /// The highest rate that all senders together may have.
    pub(crate) fn highest_rate(&self) -> f64 {
        if self.send_limit == 0.0 {
            return f64::INFINITY;
        }
        let senders = u32::try_from(self.accounts()).unwrap_or(u32::MAX);
        self.send_limit * f64::from(senders)
    }

    pub(crate) fn measured(&self) -> Duration {
        Duration::from_secs_f64(self.secs)
    }

    pub(crate) fn warm_up(&self) -> Duration {
        Duration::from_secs_f64(self.warm_up)
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs_f64(self.drain)
    }

    pub(crate) fn bytes(&self) -> usize {
        usize::from(self.bytes).max(payload::SHORTEST)
    }

    /// Says why this can't be measured.
    ///
    /// # Errors
    ///
    /// Where a URL has TLS, users aren't in pairs, or more is sent than the contract allows.
    pub(crate) fn check(&self) -> Result<(), String> {
        let others = [&self.ws, &self.other_base, &self.other_ws];
        for url in others.into_iter().flatten().chain([&self.base]) {
            if !url.starts_with("http://") && !url.starts_with("ws://") {
                return Err(format!(
                    "{url} is neither http:// nor ws://; the load generator has no TLS"
                ));
            }
        }
        let measurement = self.measurement();
        if measurement == Measurement::Pairs && (self.users < 2 || !self.users.is_multiple_of(2)) {
            return Err(format!(
                "--users {} must be even and at least 2: users write in pairs",
                self.users
            ));
        }
        let sends = matches!(measurement, Measurement::Pairs | Measurement::Group(_));
        if sends && self.rate > self.highest_rate() {
            return Err(format!(
                "--rate {} is more than {} users may send ({} a second each): take more of them, or --send-limit 0 for a server without that limit",
                self.rate,
                self.accounts(),
                self.send_limit,
            ));
        }
        Ok(())
    }

    /// What the figures were measured with, for the report.
    pub(crate) fn settings(&self) -> Value {
        json!({
            "measurement": format!("{:?}", self.measurement()),
            "base": self.base,
            "other_base": self.other_base,
            "users": self.accounts(),
            "rate": self.rate,
            "secs": self.secs,
            "warm_up": self.warm_up,
            "bytes": self.bytes,
            "mixed": self.mixed,
            "find_knee": self.find_knee,
            "client_id": !self.no_client_id,
        })
    }
}

fn target(base: &str, ws: Option<&str>, pids: &[i32]) -> Target {
    let base = base.trim_end_matches('/');
    // `http` becomes `ws`.
    let default = || format!("{}/ws", base.replacen("http", "ws", 1));
    Target {
        base: base.to_owned(),
        ws: ws.map_or_else(default, ToOwned::to_owned),
        pids: pids.to_vec(),
    }
}

/// Neither negative nor beyond what can be meant.
fn number(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1e6).contains(number));
    number.ok_or_else(|| "must be a number from 0 to 1000000".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    let number = number(text).ok().filter(|number| *number > 0.0);
    number.ok_or_else(|| "must be a number above 0, and 1000000 at most".to_owned())
}

#[cfg(test)]
mod tests;
