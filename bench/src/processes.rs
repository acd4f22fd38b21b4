//! What the server's processes take: processor time and memory, with all their children.

use std::collections::BTreeSet;
use std::time::Duration;

use procfs::process::{self, Process, Stat};
use procfs::{CurrentSI as _, KernelStats, ProcError, ProcResult};

/// What some processes occupy.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Occupancy {
    /// Memory in bytes, that which is shared counted once (proportional set size).
    pub(crate) memory: u64,
    /// That of the named processes alone, without those that descend from them.
    pub(crate) named: u64,
    /// How many processes there are.
    pub(crate) processes: usize,
}

/// The load generator's own id.
pub(crate) fn own() -> i32 {
    // Linux has no ids beyond 2^22.
    i32::try_from(std::process::id()).unwrap_or_default()
}

/// The processor time that the processes and all that descend from them have taken since they started, that of children that ended
/// before included.
///
/// # Errors
///
/// Where a process that was named doesn't exist, or `/proc` can't be read.
pub(crate) fn processor_time(roots: &[i32]) -> ProcResult<Duration> {
    let members = members(roots)?;
    Ok(members.iter().map(|(_, stat)| taken(stat)).sum())
}

/// The processor time that the whole machine has spent since it started, but for waiting.
///
/// # Errors
///
/// Where `/proc` can't be read.
pub(crate) fn machine_time() -> ProcResult<Duration> {
    let cpu = KernelStats::current()?.total;
    let interrupts = cpu.irq_duration().unwrap_or_default() + cpu.softirq_duration().unwrap_or_default();
    Ok(cpu.user_duration() + cpu.nice_duration() + cpu.system_duration() + interrupts)
}

/// What the processes and all that descend from them occupy.
///
/// # Errors
///
/// Where a process that was named doesn't exist, or `/proc` can't be read.
pub(crate) fn occupancy(roots: &[i32]) -> ProcResult<Occupancy> {
    let members = members(roots)?;
    let mut occupancy = Occupancy {
        processes: members.len(),
        ..Occupancy::default()
    };
    for (process, stat) in &members {
        let memory = memory(process, stat)?;
        occupancy.memory += memory;
        if roots.contains(&stat.pid) {
            occupancy.named += memory;
        }
    }
    Ok(occupancy)
}

fn members(roots: &[i32]) -> ProcResult<Vec<(Process, Stat)>> {
    for &root in roots {
        Process::new(root)?;
    }
    let mut all: Vec<(Process, Stat)> = process::all_processes()?
        .filter_map(Result::ok)
        // One that ends meanwhile is none any more.
        .filter_map(|process| process.stat().ok().map(|stat| (process, stat)))
        .collect();
    let parents: Vec<(i32, i32)> = all.iter().map(|(_, stat)| (stat.pid, stat.ppid)).collect();
    let family = family(roots, &parents);
    all.retain(|(_, stat)| family.contains(&stat.pid));
    Ok(all)
}

/// The roots and all that descend from them, of pairs of a process and its parent.
fn family(roots: &[i32], parents: &[(i32, i32)]) -> BTreeSet<i32> {
    let mut family: BTreeSet<i32> = roots.iter().copied().collect();
    loop {
        let known = family.len();
        let children = parents.iter().filter(|(_, parent)| family.contains(parent));
        let children: Vec<i32> = children.map(|(child, _)| *child).collect();
        family.extend(children);
        if family.len() == known {
            return family;
        }
    }
}

/// Its own and that of its children that have ended: nothing vanishes with a process.
fn taken(stat: &Stat) -> Duration {
    let children = u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
    let ticks = stat.utime + stat.stime + children;
    Duration::from_micros(ticks * 1_000_000 / procfs::ticks_per_second())
}

/// Proportional, or what is resident where that may not be read (another user's process).
fn memory(process: &Process, stat: &Stat) -> ProcResult<u64> {
    match process.smaps_rollup() {
        Ok(maps) => {
            let sizes = maps
                .memory_map_rollup
                .iter()
                .filter_map(|map| map.extension.map.get("Pss"));
            Ok(sizes.sum())
        }
        Err(ProcError::PermissionDenied(_)) => Ok(stat.rss * procfs::page_size()),
        // It has ended, or is a zombie.
        Err(ProcError::NotFound(_) | ProcError::Io(..)) => Ok(0),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_family_is_the_roots_with_all_that_descend_from_them() {
        let parents = [(1, 0), (30, 20), (20, 10), (10, 1), (40, 1), (50, 40), (60, 2)];
        assert_eq!(family(&[10], &parents), [10, 20, 30].into());
        assert_eq!(family(&[20, 40], &parents), [20, 30, 40, 50].into());
        assert_eq!(family(&[20, 10], &parents), [10, 20, 30].into());
    }

    #[test]
    fn a_child_counts_with_its_parent() {
        let own = own();
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let members = members(&[own]).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let ids: Vec<_> = members.iter().map(|(_, stat)| stat.pid).collect();
        assert!(
            ids.contains(&own) && ids.contains(&child.id().try_into().unwrap()),
            "{ids:?}"
        );
    }

    #[test]
    fn a_process_occupies_memory_and_work_takes_processor_time() {
        assert!(occupancy(&[own()]).unwrap().memory > 100_000);
        let before = processor_time(&[own()]).unwrap();
        // Ends when the time has grown; reading `/proc` is work too.
        while processor_time(&[own()]).unwrap() < before + Duration::from_millis(30) {}
    }

    #[test]
    fn a_process_that_does_not_exist_is_an_error() {
        assert!(processor_time(&[i32::MAX]).is_err());
        assert!(occupancy(&[i32::MAX]).is_err());
    }
}
