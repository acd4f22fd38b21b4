//! What was measured several times.

use std::time::Duration;

/// Durations, the shortest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sample(Vec<Duration>);

impl Sample {
    /// The duration that half of all do not exceed.
    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// The duration that nine of ten do not exceed.
    pub(crate) fn p90(&self) -> Duration {
        self.percentile(90)
    }

    /// The one at the nearest rank; nothing of nothing.
    fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

impl FromIterator<Duration> for Sample {
    fn from_iter<T: IntoIterator<Item = Duration>>(durations: T) -> Self {
        let mut durations: Vec<_> = durations.into_iter().collect();
        durations.sort();
        Self(durations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(milliseconds: impl IntoIterator<Item = u64>) -> Sample {
        milliseconds.into_iter().map(Duration::from_millis).collect()
    }

    #[test]
    fn percentiles_are_those_of_the_nearest_rank_in_any_order() {
        let twenty = sample((1..=20).rev());
        assert_eq!(twenty.median(), Duration::from_millis(10));
        assert_eq!(twenty.p90(), Duration::from_millis(18));
    }

    #[test]
    fn a_single_measurement_is_every_percentile() {
        let one = sample([7]);
        assert_eq!(
            (one.median(), one.p90()),
            (Duration::from_millis(7), Duration::from_millis(7))
        );
    }

    #[test]
    fn nothing_was_measured_without_failing() {
        assert_eq!(sample([]).p90(), Duration::ZERO);
    }
}
