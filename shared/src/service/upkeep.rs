//! What has to be cleared away from time to time. There is no process that lives long enough to do it on a schedule, so whoever
//! connects does, at most once a minute over all instances.

use crate::db::{self, Database, DbError};

/// Sweeps expired leases and full buckets, if that is due.
pub async fn sweep_if_due(db: &Database) {
    if let Err(error) = try_sweep(db).await {
        tracing::warn!(%error, "expired leases and full buckets wait for the next sweep");
    }
}

async fn try_sweep(db: &Database) -> Result<(), DbError> {
    if super::rate_limits::is_due(db, "sweep").await? {
        db::connections::sweep(db).await?;
        db::rate_limits::sweep(db).await?;
    }
    Ok(())
}
