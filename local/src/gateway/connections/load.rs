//! How much is in a queue.

use std::sync::atomic::{AtomicUsize, Ordering};

use shared::push::PushError;

use super::QueueLimits;

/// What is queued or being written.
///
/// A frame that was withdrawn weighs nothing any more, but counts until its place in the queue is reached: what may be posted
/// while nothing is written stays bounded so.
#[derive(Default)]
pub(super) struct Load {
    frames: AtomicUsize,
    bytes: AtomicUsize,
}

impl Load {
    /// Adds a frame of this size, if it fits.
    pub(super) fn add(&self, bytes: usize, limits: QueueLimits) -> Result<(), PushError> {
        let frames = self.frames.fetch_add(1, Ordering::Relaxed) + 1;
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if frames <= limits.frames && total <= limits.bytes {
            return Ok(());
        }
        self.remove_bytes(bytes);
        self.remove_frame();
        Err(PushError::Busy)
    }

    /// A frame's content is not kept any more.
    pub(super) fn remove_bytes(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// A frame's place in the queue is free.
    pub(super) fn remove_frame(&self) {
        self.frames.fetch_sub(1, Ordering::Relaxed);
    }
}
