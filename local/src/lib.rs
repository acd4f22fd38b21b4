//! Confab on one machine: the functions behind a gateway that behaves as API Gateway does, with a Postgres of their own.
//!
//! - [`cli`]: the command line and what it makes of the environment;
//! - [`server`]: starting and stopping everything in order;
//! - [`gateway`]: API Gateway's behaviour; [`template`]: the routes, from `template.yaml`;
//! - [`functions`]: the linked functions, or the same in other processes, which [`cargo_lambda`] runs;
//! - [`database`]: which Postgres, its schema, and the lock on it;
//! - [`postgres`]: the embedded server.

pub mod cargo_lambda;
pub mod cli;
pub mod credentials;
pub mod database;
mod env_file;
mod environment;
pub mod functions;
pub mod gateway;
mod kept_file;
pub mod logging;
pub mod postgres;
pub mod secret;
pub mod server;
pub mod template;
