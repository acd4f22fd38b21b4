//! Which connections have to be tried before they are used.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{Hook, HookError, Metrics};
use tokio::time::timeout;

/// Since when connections are trusted: those that were last used before are tried first, which is a round trip. In a process that does not
/// tell they are tried before each use.
#[derive(Debug, Clone, Default)]
pub(super) struct Trust(Arc<Mutex<Option<Instant>>>);

impl Trust {
    /// Connections are trusted if they are used, or made, from now on.
    pub(super) fn begin(&self, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// For a pool, before it hands out a connection again. One that does not answer within `limit` is dropped.
    pub(super) fn check(&self, limit: Duration) -> Hook {
        let trust = self.clone();
        Hook::async_fn(move |connection, metrics| {
            let covers = trust.covers(metrics);
            Box::pin(async move {
                if covers {
                    return Ok(());
                }
                let answer = timeout(limit, connection.check_connection()).await;
                answer
                    .map_err(|_| HookError::message("the connection does not answer"))?
                    .map_err(HookError::Backend)
            })
        })
    }

    fn covers(&self, metrics: &Metrics) -> bool {
        let begin = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begin.is_some_and(|begin| metrics.recycled.unwrap_or(metrics.created) >= begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(created: Instant, recycled: Option<Instant>) -> Metrics {
        Metrics {
            created,
            recycled,
            recycle_count: 0,
        }
    }

    #[test]
    fn a_connection_is_tried_once_where_the_process_tells_of_breaks_and_else_each_time() {
        let (trust, begin) = (Trust::default(), Instant::now());
        let later = |seconds| begin + Duration::from_secs(seconds);
        assert!(!trust.covers(&used(begin, Some(later(1)))));
        trust.begin(later(2));
        assert!(!trust.covers(&used(begin, None)));
        assert!(!trust.covers(&used(begin, Some(later(1)))));
        assert!(trust.covers(&used(begin, Some(later(3)))));
        assert!(trust.covers(&used(later(3), None)));
        trust.begin(later(4));
        assert!(!trust.covers(&used(begin, Some(later(3)))));
    }
}
