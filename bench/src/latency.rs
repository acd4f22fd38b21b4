//! Latencies as histograms.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::report::{Figure, Unit};

/// What is longer counts as this long, in microseconds.
const LONGEST: u64 = 10 * 60 * 1_000_000;

/// Latencies in microseconds, at a precision of three digits.
#[derive(Debug, Clone)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Self {
        // It grows with what is recorded; a bound given here could be refused only for a precision above 5.
        let mut histogram = Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are a valid precision"));
        histogram.auto(true);
        Self(histogram)
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        let microseconds = u64::try_from(latency.as_micros()).unwrap_or(LONGEST).min(LONGEST);
        // It resizes itself, and so refuses nothing below its bound.
        let _ = self.0.record(microseconds);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// Begins anew.
    pub(crate) fn clear(&mut self) {
        self.0.reset();
    }

    /// The latency, in milliseconds, that this share of them (0 to 100) doesn't exceed; `None` without any.
    #[expect(clippy::cast_precision_loss, reason = "at most ten minutes in microseconds")]
    pub(crate) fn percentile(&self, percent: f64) -> Option<f64> {
        (self.count() > 0).then(|| self.0.value_at_percentile(percent) as f64 / 1e3)
    }

    /// How many there are of `what`, and the usual percentiles.
    pub(crate) fn counted_figures(&self, what: &str) -> Vec<Figure> {
        let count = usize::try_from(self.count()).unwrap_or(usize::MAX);
        [vec![Figure::count(what, count)], self.figures(what)].concat()
    }

    /// The usual percentiles of `what`; nothing without any latency.
    pub(crate) fn figures(&self, what: &str) -> Vec<Figure> {
        [
            ("p50", 50.0),
            ("p90", 90.0),
            ("p99", 99.0),
            ("p99_9", 99.9),
            ("max", 100.0),
        ]
        .into_iter()
        .filter_map(|(name, percent)| {
            let value = self.percentile(percent)?;
            Some(Figure::new(format!("{what}_{name}"), Unit::Milliseconds, value))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_in_milliseconds() {
        let mut latencies = Latencies::new();
        for milliseconds in 1..=100 {
            latencies.record(Duration::from_millis(milliseconds));
        }
        let p50 = latencies.percentile(50.0).unwrap();
        assert!((49.9..50.1).contains(&p50), "{p50}");
        let names: Vec<_> = latencies.figures("delivered").iter().map(Figure::label).collect();
        assert_eq!(names[2], "delivered_p99_ms");
    }

    #[test]
    fn without_any_latency_there_are_no_figures() {
        assert!(Latencies::new().figures("delivered").is_empty());
    }

    #[test]
    fn an_endless_latency_counts_as_the_longest() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::MAX);
        assert_eq!(latencies.count(), 1);
        assert!(latencies.percentile(100.0).unwrap() > 599_000.0);
    }
}
