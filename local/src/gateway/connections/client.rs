//! What a connection's client is known by, and when it was last heard of.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// A client, as its handshake showed it.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct Client {
    pub(in crate::gateway) connected_at: DateTime<Utc>,
    pub(in crate::gateway) source_ip: String,
    pub(in crate::gateway) user_agent: Option<String>,
}

/// What is known of an open connection.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct Description {
    pub(in crate::gateway) client: Client,
    /// When the last message went through, in either direction.
    pub(in crate::gateway) last_active_at: DateTime<Utc>,
}

/// A client and its last activity, which is written down with every message: as a distance from the beginning, so that
/// neither a lock nor a look at the wall clock is needed.
pub(super) struct Activity {
    client: Client,
    began: Instant,
    /// Milliseconds after the beginning.
    last: AtomicU64,
}

impl Activity {
    /// The connection of a client that comes now.
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            began: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    /// A message went through at `now`.
    pub(super) fn note(&self, now: Instant) {
        let elapsed = now.duration_since(self.began).as_millis();
        self.last
            .store(u64::try_from(elapsed).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What is known by now.
    pub(super) fn describe(&self) -> Description {
        let elapsed = i64::try_from(self.last.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        let elapsed = TimeDelta::try_milliseconds(elapsed).unwrap_or(TimeDelta::MAX);
        Description {
            client: self.client.clone(),
            last_active_at: self.client.connected_at + elapsed,
        }
    }
}
