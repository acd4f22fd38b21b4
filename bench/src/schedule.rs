//! When each message is due, and the thread that says so on time.

use std::thread;
use std::time::{Duration, Instant};

/// An open loop: message 0 is due at the beginning, and each next one a fixed time later, whatever became of those before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    /// Messages a second.
    rate: f64,
    /// How many are due before the measured ones.
    warm_up: usize,
    /// How many there are with those.
    count: usize,
}

impl Schedule {
    pub(crate) fn new(rate: f64, warm_up: Duration, measured: Duration) -> Self {
        Self {
            rate,
            warm_up: messages_in(rate, warm_up),
            count: messages_in(rate, warm_up + measured),
        }
    }

    /// Messages a second.
    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// How many messages there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether the message comes after the warm-up.
    pub(crate) fn is_measured(&self, message: usize) -> bool {
        message >= self.warm_up
    }

    /// When the measured messages begin, since the beginning.
    pub(crate) fn measured_from(&self) -> Duration {
        self.due(self.warm_up)
    }

    /// When a message is due, since the beginning.
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 messages")]
    pub(crate) fn due(&self, message: usize) -> Duration {
        Duration::from_secs_f64(message as f64 / self.rate)
    }

    /// Calls `on_due` with each message when it is due, from a thread of its own: the runtime's timers are too coarse, by a millisecond.
    /// `on_due` says whether to go on.
    pub(crate) fn start(
        self,
        begin: Instant,
        mut on_due: impl FnMut(usize) -> bool + Send + 'static,
    ) -> thread::JoinHandle<()> {
        thread::spawn(move || {
            for message in 0..self.count {
                let due = begin + self.due(message);
                // Late already: sent at once, and its latency counts from when it was due.
                if let Some(time) = due.checked_duration_since(Instant::now()) {
                    thread::sleep(time);
                }
                if !on_due(message) {
                    return;
                }
            }
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates and times are positive, and a run has far fewer than 2^52 messages"
)]
fn messages_in(rate: f64, time: Duration) -> usize {
    (rate * time.as_secs_f64()).round() as usize
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn messages_are_due_at_the_rate_and_those_of_the_warm_up_are_not_measured() {
        let schedule = Schedule::new(200.0, seconds(2), seconds(3));
        assert_eq!(schedule.count(), 1000);
        assert_eq!(schedule.due(0), Duration::ZERO);
        assert_eq!(schedule.due(200), seconds(1));
        assert_eq!(schedule.measured_from(), seconds(2));
        assert!(!schedule.is_measured(399) && schedule.is_measured(400));
    }

    #[test]
    fn no_message_is_called_before_it_is_due_and_none_is_left_out_by_one_that_takes_long() {
        let schedule = Schedule::new(1000.0, Duration::ZERO, Duration::from_millis(50));
        let (sender, calls) = mpsc::channel();
        let begin = Instant::now();
        let thread = schedule.start(begin, move |message| {
            if message == 10 {
                thread::sleep(Duration::from_millis(20));
            }
            sender.send((message, begin.elapsed())).is_ok()
        });
        thread.join().unwrap();
        let calls: Vec<_> = calls.try_iter().collect();
        assert_eq!(calls.len(), 50);
        for (message, at) in calls {
            assert!(at >= schedule.due(message), "{message} at {at:?}");
        }
    }
}
