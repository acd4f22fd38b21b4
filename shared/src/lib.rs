//! What Confab's functions have in common: everything that has no idea which function it runs in.
//!
//! Layers, each of which may use what stands below it and never above:
//!
//! - [`http`] and [`ws`]: requests and frames in, answers and frames out;
//! - [`service`]: the use cases;
//! - [`db`] (the only importer of `tokio-postgres`), [`push`] (the only importer of the AWS SDK), [`clock`], [`crypto`];
//! - [`domain`]: values that can't be invalid; pure;
//! - [`error`], [`fields`] and [`config`]: one error type without HTTP in it, one place that reads the environment.
//!
//! A message's way through them is told in `docs/architecture.md`.

pub mod clock;
pub mod config;
pub mod crypto;
pub mod db;
pub mod domain;
pub mod error;
pub mod fields;
pub mod http;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod push;
pub mod service;
pub mod time;
pub mod ws;

pub use clock::{Clock, SystemClock};
pub use config::Config;
pub use error::Error;
