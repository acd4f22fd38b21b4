//! Token buckets shared by all instances.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::{Database, DbError};
use crate::error::Quota;

/// A bucket: `capacity` tokens, full again within `period_seconds`.
#[derive(Debug, Clone, Copy)]
pub struct Bucket<'a> {
    /// Whose tokens these are.
    pub key: &'a str,
    /// The most that can be taken at once.
    pub capacity: u16,
    /// How long an empty bucket takes to fill up.
    pub period_seconds: u16,
}

/// Takes a token. The second value tells whether there was one.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn take(db: &Database, bucket: Bucket<'_>) -> Result<(Quota, bool), DbError> {
    let row = db
        .query_one(
            "select allowed, remaining, retry_after_ms, reset_ms
             from take_token($1, $2, make_interval(secs => $3))",
            &[
                (&bucket.key, Type::TEXT),
                (&i32::from(bucket.capacity), Type::INT4),
                (&f64::from(bucket.period_seconds), Type::FLOAT8),
            ],
        )
        .await?;
    let quota = Quota {
        limit: bucket.capacity.into(),
        remaining: u32::try_from(row.get::<_, i32>("remaining")).unwrap_or(0),
        reset: milliseconds(row.get("reset_ms")),
        retry_after: milliseconds(row.get("retry_after_ms")),
    };
    Ok((quota, row.get("allowed")))
}

/// Gives a token back.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn give_back(db: &Database, bucket: Bucket<'_>) -> Result<(), DbError> {
    db.query(
        "select return_token($1, $2, make_interval(secs => $3))",
        &[
            (&bucket.key, Type::TEXT),
            (&i32::from(bucket.capacity), Type::INT4),
            (&f64::from(bucket.period_seconds), Type::FLOAT8),
        ],
    )
    .await
    .map(drop)
}

/// Removes the buckets that are full, which are as good as absent.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn sweep(db: &Database) -> Result<(), DbError> {
    // A bucket that somebody is taking from is left alone: who takes from two would otherwise meet a sweep that has one and wants the other.
    let sql = "delete from rate_limits
         where key in (select key from rate_limits where tat < clock_timestamp() for update skip locked)";
    db.query(sql, &[]).await.map(drop)
}

/// A duration in the unit of the SQL functions; never negative there.
pub(super) fn milliseconds(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0))
}
