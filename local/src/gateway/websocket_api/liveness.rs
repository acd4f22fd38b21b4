//! What time does to a connection.

use std::time::Duration;

use tokio::time::Instant;

use crate::gateway::options::WebSocketOptions;

/// How many intervals a peer may leave pings unanswered.
const UNANSWERED_INTERVALS: u32 = 2;

/// When a connection was last seen alive, and what follows from that.
///
/// Activity only writes down a time: the session's timer may ring early, and is then set anew.
#[derive(Debug)]
pub(super) struct Liveness {
    opened: Instant,
    last_message: Instant,
    last_heard: Instant,
    last_ping: Instant,
    idle_timeout: Duration,
    lifetime: Duration,
    ping_interval: Option<Duration>,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The connection has been idle or open for as long as it may.
    Expiry,
    /// The peer should show that it is there.
    Ping,
    /// The peer has not shown that it is there.
    Silence,
}

impl Liveness {
    /// A connection that opens now.
    pub(super) fn new(options: &WebSocketOptions, now: Instant) -> Self {
        Self {
            opened: now,
            last_message: now,
            last_heard: now,
            last_ping: now,
            idle_timeout: options.idle_timeout,
            lifetime: options.lifetime,
            ping_interval: options.ping_interval,
        }
    }

    /// A message went through, in either direction.
    pub(super) fn message(&mut self, now: Instant) {
        self.last_message = now;
    }

    /// Something came from the peer, or it could not have: nothing is read while a message is being handled.
    pub(super) fn heard(&mut self, now: Instant) {
        self.last_heard = now;
    }

    /// A ping was sent.
    pub(super) fn pinged(&mut self, now: Instant) {
        self.last_ping = now;
    }

    /// When [`Liveness::due`] should be asked again.
    pub(super) fn next(&self) -> Instant {
        let expiry = self.expiry();
        match self.ping_interval {
            Some(interval) => expiry.min(self.next_ping(interval)).min(self.silence(interval)),
            None => expiry,
        }
    }

    /// What is due now.
    pub(super) fn due(&self, now: Instant) -> Option<Due> {
        if now >= self.expiry() {
            return Some(Due::Expiry);
        }
        let interval = self.ping_interval?;
        if now >= self.silence(interval) {
            Some(Due::Silence)
        } else {
            (now >= self.next_ping(interval)).then_some(Due::Ping)
        }
    }

    fn expiry(&self) -> Instant {
        (self.opened + self.lifetime).min(self.last_message + self.idle_timeout)
    }

    fn next_ping(&self, interval: Duration) -> Instant {
        self.last_heard.max(self.last_ping) + interval
    }

    /// The first ping goes out an interval after the last sign of life.
    fn silence(&self, interval: Duration) -> Instant {
        self.last_heard + interval * (1 + UNANSWERED_INTERVALS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn liveness(now: Instant) -> Liveness {
        let options = WebSocketOptions {
            idle_timeout: SECOND * 600,
            lifetime: SECOND * 7200,
            ping_interval: Some(SECOND * 30),
            ..WebSocketOptions::default()
        };
        Liveness::new(&options, now)
    }

    #[test]
    fn a_silent_peer_is_pinged_and_then_given_up() {
        let start = Instant::now();
        let mut liveness = liveness(start);
        assert_eq!(liveness.next(), start + SECOND * 30);
        assert_eq!(liveness.due(start + SECOND * 29), None);
        assert_eq!(liveness.due(start + SECOND * 30), Some(Due::Ping));
        liveness.pinged(start + SECOND * 30);
        assert_eq!(liveness.next(), start + SECOND * 60);
        liveness.pinged(start + SECOND * 60);
        assert_eq!(liveness.due(start + SECOND * 89), None);
        assert_eq!(liveness.due(start + SECOND * 90), Some(Due::Silence));
    }

    #[test]
    fn a_peer_that_answers_is_not_given_up() {
        let start = Instant::now();
        let mut liveness = liveness(start);
        liveness.pinged(start + SECOND * 30);
        liveness.heard(start + SECOND * 31);
        assert_eq!(liveness.due(start + SECOND * 60), None);
        assert_eq!(liveness.due(start + SECOND * 61), Some(Due::Ping));
    }

    #[test]
    fn answers_to_pings_do_not_keep_an_idle_connection_open() {
        let start = Instant::now();
        let mut liveness = liveness(start);
        liveness.heard(start + SECOND * 599);
        assert_eq!(liveness.due(start + SECOND * 600), Some(Due::Expiry));
    }

    #[test]
    fn messages_keep_a_connection_open_for_its_lifetime_and_no_longer() {
        let start = Instant::now();
        let mut liveness = liveness(start);
        let late = start + SECOND * 7199;
        liveness.message(late);
        liveness.heard(late);
        assert_eq!(liveness.due(late), None);
        assert_eq!(liveness.due(start + SECOND * 7200), Some(Due::Expiry));
    }

    #[test]
    fn without_pings_only_expiry_counts() {
        let start = Instant::now();
        let mut liveness = liveness(start);
        liveness.ping_interval = None;
        assert_eq!(liveness.next(), start + SECOND * 600);
        assert_eq!(liveness.due(start + SECOND * 599), None);
    }
}
