use chrono::{DateTime, Utc};

use super::UserId;

/// That a user came online or went, for those who may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// Who.
    pub user_id: UserId,
    /// Grows with each change: of two the higher one is true.
    pub version: i64,
    /// When they went; `None` while they are online.
    pub last_seen: Option<DateTime<Utc>>,
}
