//! The figures of one function, and the targets they are held against.

use std::time::Duration;

use crate::programs::Size;
use crate::sample::Sample;

/// From the start of the process to its first question for an invocation.
pub(crate) const START_TARGET: Duration = Duration::from_millis(10);
/// The first invocation, in which the function connects to Postgres. A function that hashes a password may take so much longer than the
/// hash does, that is than its later invocations.
pub(crate) const FIRST_TARGET: Duration = Duration::from_millis(40);
/// Resident memory, in bytes; where a password is hashed, beside [`HASH_MEMORY`].
pub(crate) const MEMORY_TARGET: u64 = 20_000_000;
/// The deployment package, in bytes.
pub(crate) const ZIP_TARGET: u64 = 4_000_000;

/// What Argon2 fills, in bytes (19 MiB, `shared::crypto::Passwords`), and keeps for the next hash.
const HASH_MEMORY: u64 = 19 * 1024 * 1024;

/// What starts or invocations cost.
#[derive(Debug, Default)]
pub(crate) struct Costs {
    /// From the start of the process to its first question; from the event to the answer.
    pub(crate) elapsed: Sample,
    /// Processor time of the function's process, in what follows an answer too.
    pub(crate) processor: Sample,
}

/// What a function costs.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) name: String,
    pub(crate) start: Costs,
    /// First invocations, for each way to connect.
    pub(crate) firsts: Vec<Costs>,
    /// Those that follow, in one environment.
    pub(crate) warm: Costs,
    /// In bytes, before the first invocation.
    pub(crate) memory_at_start: u64,
    /// In bytes, after the last one.
    pub(crate) memory_at_work: u64,
    pub(crate) size: Size,
}

impl Figures {
    /// How many targets the medians and sizes miss.
    pub(crate) fn missed_targets(&self) -> usize {
        let (hash_time, hash_memory) = if self.hashes_passwords() {
            (self.warm.elapsed.median(), HASH_MEMORY)
        } else {
            (Duration::ZERO, 0)
        };
        let is_slow = |first: &Costs| first.elapsed.median() > FIRST_TARGET + hash_time;
        let others = [
            self.start.elapsed.median() > START_TARGET,
            self.memory_at_start >= MEMORY_TARGET,
            self.memory_at_work >= MEMORY_TARGET + hash_memory,
            self.size.zip >= ZIP_TARGET,
        ];
        let missed = self.firsts.iter().map(is_slow).chain(others);
        missed.filter(|is_missed| *is_missed).count()
    }

    /// Whether each invocation is mostly one hash.
    pub(crate) fn hashes_passwords(&self) -> bool {
        ["login", "register"].contains(&self.name.as_str())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn all(milliseconds: u64) -> Sample {
        std::iter::repeat_n(Duration::from_millis(milliseconds), 3).collect()
    }

    fn costs(elapsed: u64, processor: u64) -> Costs {
        Costs {
            elapsed: all(elapsed),
            processor: all(processor),
        }
    }

    /// A function that meets all targets.
    pub(crate) fn figures(name: &str) -> Figures {
        Figures {
            name: name.to_owned(),
            start: costs(10, 2),
            firsts: vec![costs(30, 3), costs(40, 4)],
            warm: costs(25, 1),
            memory_at_start: 6_000_000,
            memory_at_work: 19_999_999,
            size: Size {
                binary: 7_000_000,
                zip: 3_999_999,
            },
        }
    }

    #[test]
    fn targets_are_met_up_to_the_limit_itself() {
        assert_eq!(figures("profile").missed_targets(), 0);
    }

    #[test]
    fn each_target_is_missed_by_itself() {
        let spoil: [fn(&mut Figures); 6] = [
            |figures| figures.start = costs(11, 2),
            |figures| figures.firsts[0] = costs(41, 4),
            |figures| figures.firsts[1] = costs(41, 4),
            |figures| figures.memory_at_start = MEMORY_TARGET,
            |figures| figures.memory_at_work = MEMORY_TARGET,
            |figures| figures.size.zip = ZIP_TARGET,
        ];
        for spoil in spoil {
            let mut figures = figures("profile");
            spoil(&mut figures);
            assert_eq!(figures.missed_targets(), 1, "{figures:?}");
        }
    }

    #[test]
    fn a_hash_may_take_its_time_and_memory() {
        let mut login = figures("login");
        login.firsts = vec![costs(65, 4)];
        login.memory_at_work = MEMORY_TARGET + HASH_MEMORY - 1;
        assert_eq!(login.missed_targets(), 0);
        login.firsts.push(costs(66, 4));
        login.memory_at_work += 1;
        assert_eq!(login.missed_targets(), 2);
    }
}
