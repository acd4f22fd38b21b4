//! Frames from the view of who posted them.

use std::sync::{Arc, Mutex, PoisonError};

use shared::push::PushError;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::load::Load;

/// The content of a queued frame, which either the session takes or the poster takes back.
pub(super) struct Slot(Mutex<Option<Utf8Bytes>>);

impl Slot {
    pub(super) fn new(text: Utf8Bytes) -> Self {
        Self(Mutex::new(Some(text)))
    }

    /// The content, for the first who asks.
    pub(super) fn take(&self) -> Option<Utf8Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A frame that was queued.
pub(super) struct Posted {
    written: oneshot::Receiver<()>,
    slot: Arc<Slot>,
    load: Arc<Load>,
}

impl Posted {
    pub(super) fn new(written: oneshot::Receiver<()>, slot: Arc<Slot>, load: Arc<Load>) -> Self {
        Self { written, slot, load }
    }

    /// The frame goes out in any case; the receiver resolves once it is written, or fails if it never will be.
    pub(super) fn into_written(self) -> oneshot::Receiver<()> {
        self.written
    }

    /// The frame goes out only as long as somebody waits for it.
    pub(super) fn or_withdrawn(self) -> Withdrawable {
        Withdrawable(self)
    }
}

/// A frame that is withdrawn when this is dropped, unless its turn has come.
pub(super) struct Withdrawable(Posted);

impl Withdrawable {
    /// Resolves once the frame is written. [`PushError::Gone`] if it never will be.
    pub(super) async fn written(&mut self) -> Result<(), PushError> {
        (&mut self.0.written).await.map_err(|_| PushError::Gone)
    }

    /// Takes the frame back. Not if it is being written already.
    pub(super) fn withdraw(&self) -> bool {
        let Some(text) = self.0.slot.take() else {
            return false;
        };
        self.0.load.remove_bytes(text.len());
        true
    }
}

impl Drop for Withdrawable {
    fn drop(&mut self) {
        self.withdraw();
    }
}
