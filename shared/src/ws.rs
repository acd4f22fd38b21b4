//! WebSocket events and frames: what clients send in, what goes out to them.

pub mod events;
pub mod frames;
mod incoming;

pub use incoming::{Frame, Incoming};
