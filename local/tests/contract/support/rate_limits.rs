//! Rate limits, which tests take away, use up and wait for.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::TestServer;

impl TestServer {
    /// Takes all rate limits away, and with a bucket its lock: a user's sends now race each other.
    pub async fn lift_rate_limits(&self) {
        let function = "create or replace function take_token(p_key text, p_capacity integer, p_period interval)
            returns token language plpgsql as $$ begin return row(true, 1, 0, 0)::token; end $$";
        self.sql().await.batch_execute(function).await.unwrap();
    }

    /// Fills all buckets up, for tests that need more than a user may do in a minute.
    pub async fn refill(&self) {
        self.sql().await.batch_execute("delete from rate_limits").await.unwrap();
    }

    /// Empties the bucket `key`: it is full again in `full_in`, and has its first token once less than its own period is left of that.
    /// A burst would do too, but not on a machine on which tokens come back as quickly as frames are handled.
    pub async fn empty_bucket(&self, key: &str, full_in: Duration) {
        let statement = "insert into rate_limits values ($1, clock_timestamp() + make_interval(secs => $2))
            on conflict (key) do update set tat = excluded.tat";
        let sql = self.sql().await;
        sql.execute(statement, &[&key, &full_in.as_secs_f64()]).await.unwrap();
    }
}

/// Waits as long as a refusal by the rate limit says.
pub async fn wait_as_told(refusal: &Value) {
    let milliseconds = refusal["retry_after_ms"].as_u64().unwrap();
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// Asserts that a frame is a refusal by the rate limit, for up to `most` milliseconds.
#[track_caller]
pub fn assert_rate_limited(frame: &Value, most: u64) {
    assert_eq!(frame["code"], "rate_limited", "{frame}");
    let retry_after = frame["retry_after_ms"].as_u64().unwrap();
    assert!((1..=most).contains(&retry_after), "{frame}");
}

/// The most that a bucket of 10 a second has given since `start`.
pub fn most_tokens_since(start: Instant) -> usize {
    10 + usize::try_from(start.elapsed().as_millis() / 100).unwrap()
}
