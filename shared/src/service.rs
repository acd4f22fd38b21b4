//! The use cases: what a request or a frame asks for, in the terms of the domain.

pub mod accounts;
mod after;
pub mod backlog;
pub mod connections;
pub mod conversations;
pub mod delivery;
pub mod groups;
pub mod history;
mod marks;
pub mod messages;
mod presence;
pub mod rate_limits;
pub mod reading;
pub mod sync;
pub mod typing;
pub mod upkeep;

pub use after::{Afterwards, Deferred, Tasks};
pub use delivery::Delivery;
