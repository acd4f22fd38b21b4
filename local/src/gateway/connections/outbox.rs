//! What waits to be written to one socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shared::push::PushError;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::QueueLimits;

/// Something for the session to do, in the order in which it was asked for.
pub(in crate::gateway) enum Outgoing {
    /// Write this frame.
    Frame(OutgoingFrame),
    /// Close the socket; tell once it is known that everything before has been written.
    Close(oneshot::Sender<()>),
}

/// A text frame, and whom to tell that it was written.
pub(in crate::gateway) struct OutgoingFrame {
    pub(in crate::gateway) text: Utf8Bytes,
    written: oneshot::Sender<()>,
}

/// The end of a queue that frames go in at.
pub(super) struct Outbox {
    sender: mpsc::UnboundedSender<Outgoing>,
    load: Arc<Load>,
    limits: QueueLimits,
}

/// The end of a queue that a session takes frames from.
pub(in crate::gateway) struct Queue {
    receiver: mpsc::UnboundedReceiver<Outgoing>,
    load: Arc<Load>,
}

/// What is queued or being written. The bounds are kept here, not by the channel: they count bytes too.
#[derive(Default)]
struct Load {
    frames: AtomicUsize,
    bytes: AtomicUsize,
}

impl Outbox {
    pub(super) fn new(limits: QueueLimits) -> (Self, Queue) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let load = Arc::<Load>::default();
        let queue = Queue {
            receiver,
            load: load.clone(),
        };
        (Self { sender, load, limits }, queue)
    }

    /// Queues a frame; the receiver resolves once it is written, or fails if it never will be.
    pub(super) fn post(&self, text: Utf8Bytes) -> Result<oneshot::Receiver<()>, PushError> {
        self.load.add(text.len(), self.limits)?;
        let (written, receiver) = oneshot::channel();
        let frame = Outgoing::Frame(OutgoingFrame { text, written });
        self.sender.send(frame).map_err(|_| PushError::Gone)?;
        Ok(receiver)
    }

    /// Queues the end, which always fits.
    pub(super) fn close(self) -> oneshot::Receiver<()> {
        let (closed, receiver) = oneshot::channel();
        // If the session is gone the sender is dropped here, which tells the receiver so.
        let _ = self.sender.send(Outgoing::Close(closed));
        receiver
    }
}

impl Queue {
    /// The next thing to do; `None` if there can't be any more.
    pub(in crate::gateway) async fn receive(&mut self) -> Option<Outgoing> {
        self.receiver.recv().await
    }

    /// The next thing to do if one waits already.
    pub(in crate::gateway) fn try_receive(&mut self) -> Option<Outgoing> {
        self.receiver.try_recv().ok()
    }

    /// Tells that a frame was written, and makes room for others.
    pub(in crate::gateway) fn written(&self, frame: OutgoingFrame) {
        self.load.remove(frame.text.len());
        // Whoever posted it may have stopped waiting.
        let _ = frame.written.send(());
    }
}

impl Load {
    fn add(&self, bytes: usize, limits: QueueLimits) -> Result<(), PushError> {
        let frames = self.frames.fetch_add(1, Ordering::Relaxed) + 1;
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if frames <= limits.frames && total <= limits.bytes {
            return Ok(());
        }
        self.remove(bytes);
        Err(PushError::Busy)
    }

    fn remove(&self, bytes: usize) {
        self.frames.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
