//! The Lambda service on one machine, for tests and measurements.
//!
//! It runs the functions' own binaries, which is what a deployment has, and treats them as Lambda does where that decides whether they
//! work:
//!
//! - an execution environment is a process of its own, started by the first invocation that finds no idle one;
//! - it takes one invocation at a time; further ones at once start further environments, up to a limit, and are throttled above it;
//! - it is idle once its runtime and its extensions have asked for what is next, and is frozen then (`SIGSTOP`), until the next
//!   invocation: work that nothing waits for does not go on;
//! - one that runs longer than the function's time limit is killed, one that ends is a function error, and the next invocation has a
//!   new one.
//!
//! Functions speak the [Runtime API] and the [Extensions API] with it, and [`Emulator`] has the Invoke API in front. Why this is here:
//! `docs/adr/0012-an-emulator-of-lambda.md`.
//!
//! [Runtime API]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
//! [Extensions API]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html

mod emulator;
mod environment;
mod function;

pub use emulator::Emulator;
pub use environment::{Answer, Environment, INIT_TIME_LIMIT};
pub use function::Settings;
