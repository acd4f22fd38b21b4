//! The embedded Postgres: its comings and goings, and the cluster that the tests share.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod life;
mod places;
mod sharing;
mod support;
mod takeover;
