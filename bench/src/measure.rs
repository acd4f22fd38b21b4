//! Measures one server.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::Failure;
use crate::accounts::{self, Account};
use crate::arguments::{Arguments, Measurement, Target};
use crate::client::Setting;
use crate::extra::Extras;
use crate::idle;
use crate::knee::Search;
use crate::ping;
use crate::progress;
use crate::report::{Figure, Report, Unit};
use crate::rest::Rest;
use crate::run::{Audience, Run};
use crate::schedule::Schedule;
use crate::traffic;

/// The p99 below which a rate is held, in milliseconds.
const HELD: f64 = 50.0;

/// How often a rate is tried before it counts as not held: one pause of the machine proves nothing.
const TRIES: usize = 2;

/// So many processors kept busy by others than the server and the load generator are worth a note.
const DISTURBED: f64 = 0.2;

/// How long a server is left alone between two rates.
const REST: Duration = Duration::from_secs(1);

/// Does what the arguments say with one server.
pub(crate) async fn measure(arguments: &Arguments, target: &Target) -> Result<Report, Failure> {
    progress::say(&format!("measuring {}", target.base));
    let rest = Rest::new(&target.base);
    let accounts = accounts::prepare(&rest, &arguments.prefix, arguments.accounts()).await?;
    let (warm_up, time) = (arguments.warm_up(), arguments.measured());
    let mut report = match arguments.measurement() {
        Measurement::Idle(sockets, _) => idle::run(&target.ws, &accounts, sockets, &target.pids, time).await?,
        Measurement::Ping(_) => ping::run(&target.ws, &accounts, &target.pids, warm_up, time).await?,
        Measurement::Pairs | Measurement::Group(_) => {
            let sends = Sends::new(arguments, target, rest, accounts).await?;
            if arguments.find_knee {
                sends.find_knee().await?
            } else {
                sends.run(arguments.rate).await?
            }
        }
    };
    report.notes.extend(disturbance(&report, &target.pids));
    Ok(report)
}

/// What else was going on. Only where the server's processes are known, they can be told from others.
fn disturbance(report: &Report, pids: &[i32]) -> Option<String> {
    let others = report
        .value("others_busy_cores")
        .filter(|others| *others > DISTURBED && !pids.is_empty())?;
    Some(format!(
        "other programs kept {others:.1} processors busy: compare only what was measured beside them"
    ))
}

/// Messages to one server, at any rate.
struct Sends<'a> {
    arguments: &'a Arguments,
    target: &'a Target,
    rest: Rest,
    accounts: Vec<Account>,
    audience: Audience,
    group: Option<String>,
}

impl<'a> Sends<'a> {
    async fn new(
        arguments: &'a Arguments,
        target: &'a Target,
        rest: Rest,
        accounts: Vec<Account>,
    ) -> Result<Self, Failure> {
        let (audience, group) = match arguments.measurement() {
            Measurement::Group(members) => (Audience::Group(members), Some(make_group(&rest, &accounts).await?)),
            _ => (Audience::Pairs(accounts.len()), None),
        };
        Ok(Self {
            arguments,
            target,
            rest,
            accounts,
            audience,
            group,
        })
    }

    /// Sends at a rate, over new sockets.
    async fn run(&self, rate: f64) -> Result<Report, Failure> {
        let schedule = Schedule::new(rate, self.arguments.warm_up(), self.arguments.measured());
        let setting = Setting {
            run: Run::new(schedule, self.audience),
            ws: self.target.ws.clone(),
            accounts: self.accounts.clone(),
            group: self.group.clone(),
            bytes: self.arguments.bytes(),
            client_id: !self.arguments.no_client_id,
            mixed: self.arguments.mixed,
            extras: Extras::new(self.rest.clone(), self.accounts.len()),
        };
        traffic::run(setting, &self.target.pids, self.arguments.drain()).await
    }

    /// The report of the highest rate that the server holds.
    async fn find_knee(&self) -> Result<Report, Failure> {
        let mut search = Search::new(self.arguments.rate, self.arguments.highest_rate());
        let mut best = Report::default();
        while let Some(rate) = search.next() {
            let held = self.try_rate(rate).await?;
            search.record(rate, held.is_some());
            best = held.unwrap_or(best);
        }
        best.figures
            .insert(0, Figure::new("knee", Unit::PerSecond, search.knee().unwrap_or(0.0)));
        if search.knee().is_none() {
            best.notes.push("no rate was held".to_owned());
        } else if search.is_open_above() {
            best.notes.push(format!(
                "the knee may be higher: {} users may send no more",
                self.accounts.len()
            ));
        }
        Ok(best)
    }

    /// The report where the rate is held, in one of several tries.
    async fn try_rate(&self, rate: f64) -> Result<Option<Report>, Failure> {
        for _ in 0..TRIES {
            progress::say(&format!("trying {rate:.0} a second"));
            let report = self.run(rate).await?;
            let held = is_held(&report);
            let p99 = report.value("delivered_p99_ms").unwrap_or(f64::INFINITY);
            let lost = report.value("lost").unwrap_or(0.0);
            let verdict = if held { "held" } else { "not held" };
            progress::say(&format!("{rate:.0} a second: {verdict} (p99 {p99:.1} ms, {lost} lost)"));
            if held {
                return Ok(Some(report));
            }
            tokio::time::sleep(REST).await;
        }
        Ok(None)
    }
}

fn is_held(report: &Report) -> bool {
    let nothing = |label: &str| report.value(label) == Some(0.0);
    report.value("delivered_p99_ms").is_some_and(|p99| p99 < HELD)
        && ["lost", "refused", "unsent"].into_iter().all(nothing)
}

/// A group of all accounts; returns its id.
async fn make_group(rest: &Rest, accounts: &[Account]) -> Result<String, Failure> {
    let (owner, others) = accounts.split_first().ok_or("a group needs members")?;
    let ids: Vec<&str> = others.iter().map(|account| account.id.as_str()).collect();
    let body = json!({ "name": "load", "user_ids": ids });
    let group = rest
        .call(Method::POST, "/conversations", Some(&owner.token), Some(&body))
        .await?;
    let id = group["id"].as_str().ok_or("the server made a group without an id")?;
    Ok(id.to_owned())
}
