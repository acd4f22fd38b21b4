//! A run: clients and faults for some time, then peace, then the judgement.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::checker::{Violation, check};
use crate::device::{Device, Directory, Record};
use crate::guards;
use crate::logs;
use crate::plan::{Fault, Plan};
use crate::rest::Rest;
use crate::summary::{Counts, Summary};
use crate::truth::Truth;
use crate::witness::Witness;
use crate::world::World;

/// How long the devices may take to catch up until all know everything. It takes some rounds: marks that a sync moves are news for the
/// others.
const MAX_CATCHING_UP: Duration = Duration::from_mins(1);

/// The least time between two faults; the plan adds to it.
const BREATH: Duration = Duration::from_millis(300);

/// Of how many faults the first strikes before the one before it has been seen to.
const OVERLAP: usize = 3;

/// How a run differs from another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) seed: u64,
    pub(crate) time: Duration,
    pub(crate) users: usize,
    pub(crate) devices: usize,
}

/// Runs it on a world that was just started.
pub(crate) async fn run(world: &mut World, http: reqwest::Client, size: Size) -> Result<Summary, Failure> {
    let begin = Instant::now();
    let rest = Rest::new(http, world.address());
    let directory = Arc::new(settle_down(world, &rest, size).await?);
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    for number in 0..size.users * size.devices {
        let device = Device::new(number, number % size.users, directory.clone(), &rest, size.seed);
        tasks.spawn(device.run(stop.clone()));
    }
    let faults = break_things(world, size).await?;
    stop.cancel();
    world.heal().await?;
    let mut devices = tasks.join_all().await;
    let truth = catch_up(world, &mut devices).await?;
    let unguarded = guards::check(&mut world.connect().await?).await?;

    let counts: Counts = devices.iter().map(|device| device.counts).sum();
    let records: Vec<Record> = devices.into_iter().map(|device| device.record).collect();
    let mut violations = check(&truth, &records);
    violations.extend(records.iter().filter_map(|record| unfinished(&truth, record)));
    violations.extend(unguarded);
    violations.extend(logs::check(&world.logs())?);
    Ok(Summary {
        seed: size.seed,
        time: begin.elapsed(),
        users: size.users,
        devices: records.len(),
        faults,
        killed_functions: world.killed_functions(),
        counts,
        confirmed: directory.witness.looks().await,
        acknowledged: records.iter().map(|record| record.journal.acknowledged().count()).sum(),
        truth,
        violations,
    })
}

/// Users, a group of all of them and one of half of them, which the others come into and go from. The direct conversations come with
/// their first messages.
async fn settle_down(world: &World, rest: &Rest, size: Size) -> Result<Directory, Failure> {
    let mut accounts = Vec::new();
    for number in 0..size.users {
        accounts.push(rest.register(&format!("user{number}")).await?);
    }
    let mut groups = Vec::new();
    for (owner, members) in [(0, size.users), (1, size.users / 2)] {
        let members: Vec<_> = accounts[..members].iter().map(|account| account.id).collect();
        let group = rest.of(&accounts[owner]).make_group("group", &members).await?;
        groups.push((group, accounts[owner].id));
    }
    Ok(Directory {
        address: world.address(),
        accounts,
        groups,
        witness: Witness::new(world.database_url()),
    })
}

/// Breaks one thing after the other until the time is over. Some faults strike before the last one has been seen to.
async fn break_things(world: &mut World, size: Size) -> Result<BTreeMap<Fault, u64>, Failure> {
    let mut plan = Plan::of_faults(size.seed, world.killed_functions().is_some());
    let mut faults = BTreeMap::new();
    let end = Instant::now() + size.time;
    loop {
        let fault = plan.draw();
        sleep((BREATH + fault.pause).min(end - Instant::now())).await;
        if Instant::now() >= end {
            return Ok(faults);
        }
        // A fault can fail, as the way to its victim may be broken already.
        if world.suffer(fault).await.is_ok() {
            *faults.entry(fault.what).or_default() += 1;
        }
        if !fault.pick.is_multiple_of(OVERLAP) {
            world.heal().await?;
        }
    }
}

/// Has all devices catch up until nothing is new to any of them.
async fn catch_up(world: &World, devices: &mut [Device]) -> Result<Truth, Failure> {
    let mut sql = world.connect().await?;
    let deadline = Instant::now() + MAX_CATCHING_UP;
    loop {
        join_all(devices.iter_mut().map(Device::catch_up)).await;
        let truth = Truth::read(&mut sql).await?;
        let is_done = |device: &Device| unfinished(&truth, &device.record).is_none();
        if devices.iter().all(is_done) || Instant::now() >= deadline {
            return Ok(truth);
        }
    }
}

/// A device that does not know the versions that there are.
fn unfinished(truth: &Truth, record: &Record) -> Option<Violation> {
    let expected = truth.versions_of(record.user);
    let known = &record.replica.versions;
    (*known != expected).then(|| Violation::Contradiction {
        device: record.label.clone(),
        what: format!("its syncs came to {known:?}, and never to {expected:?}"),
    })
}
