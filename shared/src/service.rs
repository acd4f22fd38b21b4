//! The use cases: what a request or a frame asks for, in the terms of the domain.

pub mod accounts;
mod after;
pub mod backlog;
pub mod connections;
pub mod delivery;
pub mod history;
mod marks;
pub mod messages;
pub mod rate_limits;
pub mod upkeep;

pub use after::{Afterwards, Deferred, Tasks};
pub use delivery::Delivery;
