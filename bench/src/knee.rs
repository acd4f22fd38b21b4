//! The search for the highest rate that a server holds.

/// How close the rates that held and did not must be in the end.
const CLOSE_ENOUGH: f64 = 1.05;

/// By how much the rate grows until one doesn't hold.
const STEP: f64 = 1.6;

/// Below this many messages a second, nothing is searched.
const LOWEST: f64 = 5.0;

/// A geometric search, then halving.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search {
    first: f64,
    ceiling: f64,
    held: Option<f64>,
    failed: Option<f64>,
}

impl Search {
    /// Begins with a rate, and tries none above `ceiling`.
    pub(crate) fn new(first: f64, ceiling: f64) -> Self {
        Self {
            first: first.min(ceiling),
            ceiling,
            held: None,
            failed: None,
        }
    }

    /// The rate to try next, in messages a second; `None` where the search is over.
    pub(crate) fn next(&self) -> Option<f64> {
        match (self.held, self.failed) {
            (None, None) => Some(self.first),
            (Some(held), None) => (held < self.ceiling).then(|| (held * STEP).min(self.ceiling)),
            (None, Some(failed)) => (failed > LOWEST).then_some(failed / 2.0),
            (Some(held), Some(failed)) => (failed / held > CLOSE_ENOUGH).then(|| (held * failed).sqrt()),
        }
    }

    /// What came of a rate.
    pub(crate) fn record(&mut self, rate: f64, held: bool) {
        if held {
            self.held = Some(rate);
        } else {
            self.failed = Some(rate);
        }
    }

    /// The highest rate that held.
    pub(crate) fn knee(&self) -> Option<f64> {
        self.held
    }

    /// Whether no rate failed, so that the knee may be higher than what was tried.
    pub(crate) fn is_open_above(&self) -> bool {
        self.failed.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches a server that holds up to `capacity`; returns the search and how many rates it took.
    fn search(first: f64, ceiling: f64, capacity: f64) -> (Search, usize) {
        let mut search = Search::new(first, ceiling);
        let mut steps = 0;
        while let Some(rate) = search.next() {
            search.record(rate, rate <= capacity);
            steps += 1;
            assert!(steps < 50, "{search:?}");
        }
        (search, steps)
    }

    #[test]
    fn the_knee_is_found_from_below_and_from_above() {
        for first in [100.0, 600.0, 20_000.0] {
            let (search, steps) = search(first, 50_000.0, 3456.0);
            let knee = search.knee().unwrap();
            assert!(knee <= 3456.0 && knee * CLOSE_ENOUGH >= 3456.0, "{knee}");
            assert!(steps <= 15, "{steps}");
            assert!(!search.is_open_above());
        }
    }

    #[test]
    fn a_server_that_holds_every_rate_has_its_knee_at_the_ceiling_or_above() {
        let (search, _) = search(300.0, 1000.0, f64::INFINITY);
        assert_eq!(search.knee(), Some(1000.0));
        assert!(search.is_open_above());
    }

    #[test]
    fn a_server_that_holds_nothing_has_no_knee() {
        assert_eq!(search(300.0, 1000.0, 0.0).0.knee(), None);
    }
}
