//! What Confab's functions have in common: everything that has no idea which function it runs in.
//!
//! Layers, each of which may use what stands below it and never above (`tests/layers.rs` holds them to it):
//!
//! - [`config`], `lambda`: what a process is made of, from its environment;
//! - [`http`] and [`ws`]: requests and frames in, answers out;
//! - [`service`]: the use cases;
//! - [`frames`]: what clients are told;
//! - [`db`] (the only importer of `tokio-postgres`), [`push`] (the only importer of the AWS SDK), [`crypto`];
//! - [`clock`], [`time`], [`domain`] with [`error`] and [`fields`]: values that can't be invalid, and what is wrong with others; pure.
//!
//! A message's way through them is told in `docs/architecture.md`.

pub mod clock;
pub mod config;
pub mod crypto;
pub mod db;
pub mod domain;
pub mod error;
pub mod fields;
pub mod frames;
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
