//! What has to be cleared away from time to time. There is no process that lives long enough to do it on a schedule, so whoever
//! connects does, at most once a minute over all instances.

use super::{Delivery, presence};
use crate::db::{self, DbError};

/// Sweeps expired leases and full buckets, if that is due.
pub async fn sweep_if_due(delivery: &Delivery) {
    if let Err(error) = try_sweep(delivery).await {
        tracing::warn!(%error, "expired leases and full buckets wait for the next sweep");
    }
}

async fn try_sweep(delivery: &Delivery) -> Result<(), DbError> {
    let db = delivery.db();
    if super::rate_limits::is_due(db, "sweep").await? {
        for gone in db::connections::sweep(db).await? {
            presence::announce(delivery, &gone).await;
        }
        db::rate_limits::sweep(db).await?;
    }
    Ok(())
}
