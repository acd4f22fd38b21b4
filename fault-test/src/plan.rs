//! What happens, drawn from the seed: the same seed gives every device the same steps in the same order, and the same faults after the same pauses. When the
//! machine gets round to each of them is up to it.

use std::time::Duration;

use rand::distr::weighted::WeightedIndex;
use rand::prelude::{Distribution, StdRng};
use rand::{Rng, SeedableRng};

/// Something that a device does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Sends messages at once and repeats each until it is acknowledged.
    Send,
    /// Sends a message, cuts the socket and never asks what became of it.
    Abandon,
    /// Sends an acknowledged message again.
    Repeat,
    Edit,
    Delete,
    Read,
    Sync,
    /// Closes the socket in order and opens another.
    Reconnect,
    /// Cuts the socket in the middle of a frame.
    Cut,
    /// Sends a message and cuts the socket before the answer; then repeats it until it is acknowledged.
    LoseAnswer,
    /// Sends the same message over two sockets at the same moment.
    SendTwiceAtOnce,
    /// Forgets everything, as a new device knows nothing.
    Forget,
    /// Looks at the watermarks over REST.
    LookAtMarks,
    /// Adds or removes a member, as an owner.
    ChangeMember,
    /// Names a group, as an owner.
    Rename,
}

const ACTIONS: [(Action, u32); 15] = [
    (Action::Send, 40),
    (Action::Abandon, 3),
    (Action::Repeat, 8),
    (Action::Edit, 8),
    (Action::Delete, 4),
    (Action::Read, 10),
    (Action::Sync, 6),
    (Action::Reconnect, 3),
    (Action::Cut, 4),
    (Action::LoseAnswer, 4),
    (Action::SendTwiceAtOnce, 8),
    (Action::Forget, 1),
    (Action::LookAtMarks, 4),
    (Action::ChangeMember, 4),
    (Action::Rename, 1),
];

/// Something that breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// SIGKILL to the gateway.
    KillGateway,
    /// SIGKILL to the postmaster.
    KillPostgres,
    /// SIGKILL to one backend, after which Postgres recovers as from a crash.
    KillBackend,
    /// `pg_terminate_backend` for all of the gateway's.
    EndBackends,
    /// All connections between gateway and database are cut.
    CutDatabase,
    /// SIGKILL to one process of a function in the middle of an invocation, or of what follows its answer.
    KillFunction,
}

const FAULTS: [(Fault, u32); 5] = [
    (Fault::KillGateway, 3),
    (Fault::KillPostgres, 1),
    (Fault::KillBackend, 1),
    (Fault::EndBackends, 2),
    (Fault::CutDatabase, 3),
];

/// Where functions are processes of their own.
const FAULTS_IN_LAMBDA: [(Fault, u32); 6] = [
    (Fault::KillGateway, 3),
    (Fault::KillPostgres, 1),
    (Fault::KillBackend, 1),
    (Fault::EndBackends, 2),
    (Fault::CutDatabase, 3),
    (Fault::KillFunction, 10),
];

/// A drawn item, with a pause before it and a number to choose its objects by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step<T> {
    pub(crate) what: T,
    pub(crate) pause: Duration,
    pub(crate) pick: usize,
}

/// An endless sequence of steps.
pub(crate) struct Plan<T: 'static> {
    random: StdRng,
    items: &'static [(T, u32)],
    weights: WeightedIndex<u32>,
    /// The longest pause, in milliseconds.
    pause: u64,
}

impl Plan<Action> {
    /// What the device with this number does.
    pub(crate) fn of_device(seed: u64, device: usize) -> Self {
        Self::new(seed, 1 + device, &ACTIONS, 400)
    }
}

impl Plan<Fault> {
    /// What breaks.
    pub(crate) fn of_faults(seed: u64, in_lambda: bool) -> Self {
        let faults: &[_] = if in_lambda { &FAULTS_IN_LAMBDA } else { &FAULTS };
        Self::new(seed, 0, faults, 4_000)
    }
}

impl<T: Copy> Plan<T> {
    fn new(seed: u64, stream: usize, items: &'static [(T, u32)], pause: u64) -> Self {
        // The streams of neighbouring seeds and devices have nothing in common: the generator hashes its seed.
        let stream = u64::try_from(stream).unwrap_or(u64::MAX);
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&stream.to_le_bytes());
        let weights = items.iter().map(|(_, weight)| *weight);
        Self {
            random: StdRng::from_seed(key),
            items,
            // The tables above have weights, and none is below zero.
            weights: WeightedIndex::new(weights).unwrap_or_else(|error| unreachable!("{error}")),
            pause,
        }
    }

    /// The next step.
    pub(crate) fn draw(&mut self) -> Step<T> {
        Step {
            what: self.items[self.weights.sample(&mut self.random)].0,
            pause: Duration::from_millis(self.random.random_range(0..self.pause)),
            pick: usize::try_from(self.random.random::<u32>()).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(seed: u64, device: usize) -> Vec<Step<Action>> {
        let mut plan = Plan::of_device(seed, device);
        (0..100).map(|_| plan.draw()).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_one_another() {
        assert_eq!(steps(7, 1), steps(7, 1));
        assert_ne!(steps(7, 1), steps(7, 2));
        assert_ne!(steps(7, 1), steps(8, 1));
    }
}
