//! A run in numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::checker::Violation;
use crate::plan::Fault;
use crate::truth::Truth;

/// How many violations are printed.
const PRINTED: usize = 20;

/// What devices did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) sends: u64,
    pub(crate) refusals: u64,
    pub(crate) edits: u64,
    pub(crate) deletions: u64,
    pub(crate) reads: u64,
    pub(crate) looks: u64,
    pub(crate) member_changes: u64,
    pub(crate) connects: u64,
    pub(crate) cuts: u64,
    pub(crate) syncs: u64,
    pub(crate) frames: u64,
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, counts| Self {
            sends: sum.sends + counts.sends,
            refusals: sum.refusals + counts.refusals,
            edits: sum.edits + counts.edits,
            deletions: sum.deletions + counts.deletions,
            reads: sum.reads + counts.reads,
            looks: sum.looks + counts.looks,
            member_changes: sum.member_changes + counts.member_changes,
            connects: sum.connects + counts.connects,
            cuts: sum.cuts + counts.cuts,
            syncs: sum.syncs + counts.syncs,
            frames: sum.frames + counts.frames,
        })
    }
}

/// What a run came to.
pub(crate) struct Summary {
    pub(crate) seed: u64,
    pub(crate) time: Duration,
    pub(crate) users: usize,
    pub(crate) devices: usize,
    pub(crate) faults: BTreeMap<Fault, u64>,
    /// By function, where they are processes of their own.
    pub(crate) killed_functions: Option<BTreeMap<String, u64>>,
    pub(crate) counts: Counts,
    /// How many messages and versions of them were looked for in the database as soon as they were told.
    pub(crate) confirmed: usize,
    pub(crate) acknowledged: usize,
    pub(crate) truth: Truth,
    pub(crate) violations: Vec<Violation>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts;
        let faults: u64 = self.faults.values().sum();
        writeln!(f, "seed        {}", self.seed)?;
        writeln!(f, "time        {} s", self.time.as_secs())?;
        writeln!(f, "users       {} with {} devices", self.users, self.devices)?;
        writeln!(
            f,
            "faults      {faults}: {:?}; {} sockets cut",
            self.faults, counts.cuts
        )?;
        match &self.killed_functions {
            None => writeln!(f, "functions   in the gateway's process")?,
            Some(killed) => writeln!(f, "functions   as in Lambda, killed at work: {killed:?}")?,
        }
        writeln!(
            f,
            "sends       {} acknowledged by {} frames, {} refusals",
            self.acknowledged, counts.sends, counts.refusals
        )?;
        writeln!(
            f,
            "changes     {} edits, {} deletions, {} reads, {} of members",
            counts.edits, counts.deletions, counts.reads, counts.member_changes
        )?;
        writeln!(
            f,
            "devices     {} connects, {} syncs, {} frames, {} looks at marks, {} for what was just told",
            counts.connects, counts.syncs, counts.frames, counts.looks, self.confirmed
        )?;
        writeln!(
            f,
            "database    {} messages in {} conversations",
            self.truth.messages.len(),
            self.truth.conversations.len()
        )?;
        writeln!(f, "violations  {}", self.violations.len())?;
        for violation in self.violations.iter().take(PRINTED) {
            writeln!(f, "  {violation}")?;
        }
        Ok(())
    }
}
