//! How times are written: RFC 3339 in UTC with a `Z`.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

/// Writes a time as RFC 3339 in UTC with microseconds, which is as exact as Postgres has it.
///
/// # Errors
/// What the serializer says.
pub fn rfc3339<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// As [`rfc3339`], or null.
///
/// # Errors
/// What the serializer says.
pub fn rfc3339_option<S: Serializer>(time: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true))
        .serialize(serializer)
}
