//! WebSocket events, and the frames that clients send in.

pub mod events;
mod incoming;

pub use incoming::{Frame, Incoming};
