//! What has to be cleared away from time to time. There is no process that lives long enough to do it on a schedule, so whoever comes by
//! does, at most once a minute over all instances.

use super::{Delivery, presence, rate_limits};
use crate::db::{self, Database, DbError};

/// Sweeps expired leases and tells who went offline by that, if it is due.
pub async fn sweep_connections_if_due(delivery: &Delivery) {
    if let Err(error) = sweep_connections(delivery).await {
        tracing::warn!(%error, "expired leases wait for the next sweep");
    }
}

/// Sweeps full buckets, if it is due.
pub async fn sweep_buckets_if_due(db: &Database) {
    if let Err(error) = sweep_buckets(db).await {
        tracing::warn!(%error, "full buckets wait for the next sweep");
    }
}

async fn sweep_connections(delivery: &Delivery) -> Result<(), DbError> {
    if !rate_limits::is_due(delivery.db(), "sweep-connections").await? {
        return Ok(());
    }
    for gone in db::connections::sweep(delivery.db()).await? {
        presence::announce(delivery, &gone).await;
    }
    Ok(())
}

async fn sweep_buckets(db: &Database) -> Result<(), DbError> {
    if rate_limits::is_due(db, "sweep-buckets").await? {
        db::rate_limits::sweep(db).await?;
    }
    Ok(())
}
