use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a database that hangs is left alone before it is tried again.
const REST: Duration = Duration::from_secs(1);

/// Whether the database shows signs of life.
///
/// A database that hangs costs each statement its whole time limit, and frames that wait behind one another would add up to minutes.
/// So once a statement timed out while no other succeeded, the next ones fail at once for a moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Pulse(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last_success: Option<Instant>,
    hung_at: Option<Instant>,
}

impl Pulse {
    /// A statement succeeded, or was refused: the database lives.
    pub(super) fn beat(&self, now: Instant) {
        let mut state = self.lock();
        state.last_success = Some(now);
        state.hung_at = None;
    }

    /// A statement that began at `begin` timed out. That alone proves nothing: it may have waited for a lock.
    pub(super) fn timed_out(&self, begin: Instant, now: Instant) {
        let mut state = self.lock();
        if state.last_success.is_none_or(|success| success < begin) {
            state.hung_at = Some(now);
        }
    }

    /// Whether a statement should not even be tried.
    pub(super) fn is_missing(&self, now: Instant) -> bool {
        let hung_at = self.lock().hung_at;
        hung_at.is_some_and(|hung_at| now.saturating_duration_since(hung_at) < REST)
    }

    /// The state is two values that are right each by itself, so a panic elsewhere is no reason to stop.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hung_database_is_left_alone_for_a_moment() {
        let (pulse, begin) = (Pulse::default(), Instant::now());
        let later = begin + Duration::from_secs(5);
        assert!(!pulse.is_missing(begin));
        pulse.timed_out(begin, later);
        assert!(pulse.is_missing(later));
        assert!(!pulse.is_missing(later + REST));
    }

    #[test]
    fn a_sign_of_life_ends_it() {
        let (pulse, begin) = (Pulse::default(), Instant::now());
        pulse.timed_out(begin, begin);
        pulse.beat(begin);
        assert!(!pulse.is_missing(begin));
    }

    #[test]
    fn one_statement_that_waits_for_a_lock_holds_nobody_up() {
        let (pulse, begin) = (Pulse::default(), Instant::now());
        pulse.beat(begin + Duration::from_secs(1));
        pulse.timed_out(begin, begin + Duration::from_secs(5));
        assert!(!pulse.is_missing(begin + Duration::from_secs(5)));
    }
}
