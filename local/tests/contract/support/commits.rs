use tokio_postgres::Client;

use super::TestServer;

/// Commits that wait: what they store is there, and nobody sees it.
pub struct HeldCommits<'a> {
    server: &'a TestServer,
    /// Its session has the lock that they wait for.
    lock: Client,
}

impl TestServer {
    /// Holds the commits up in which `event` happens to a message: `insert` or `update`.
    pub async fn hold_commits(&self, event: &str) -> HeldCommits<'_> {
        let lock = self.sql().await;
        let statements = format!(
            "create function wait() returns trigger language plpgsql as $$
                 begin perform pg_advisory_xact_lock_shared(1); return null; end $$;
             create constraint trigger slow after {event} on messages deferrable initially deferred
                 for each row execute function wait();
             select pg_advisory_lock(1)"
        );
        lock.batch_execute(&statements).await.unwrap();
        HeldCommits { server: self, lock }
    }
}

impl HeldCommits<'_> {
    /// Waits until there is one.
    pub async fn wait_for_one(&self) {
        let is_committing = "select exists (
            select from pg_stat_activity where datname = current_database() and wait_event = 'advisory')";
        self.server.wait_until(is_committing).await;
    }

    /// Lets them go as soon as the server waits for all that is under way to end, from now on.
    pub async fn let_go_once_awaited(self) {
        let now = "select clock_timestamp()::text";
        let now: String = self.lock.query_one(now, &[]).await.unwrap().get(0);
        let is_awaited = format!(
            "select exists (
                select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
                    and query like '%pg_snapshot_xmin%' and query_start > '{now}')"
        );
        self.server.wait_until(&is_awaited).await;
    }
}
