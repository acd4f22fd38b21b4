//! What waits to be written to one socket.

use std::sync::Arc;

use shared::push::PushError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::QueueLimits;
use super::client::Activity;
use super::load::Load;
use super::posted::{Posted, Slot};

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

/// What a queue holds.
enum Entry {
    Frame {
        slot: Arc<Slot>,
        written: oneshot::Sender<()>,
    },
    Close(oneshot::Sender<()>),
}

/// The end of a queue that frames go in at.
pub(super) struct Outbox {
    sender: mpsc::UnboundedSender<Entry>,
    load: Arc<Load>,
    limits: QueueLimits,
    activity: Arc<Activity>,
}

/// The end of a queue that a session takes frames from.
pub(in crate::gateway) struct Queue {
    receiver: mpsc::UnboundedReceiver<Entry>,
    load: Arc<Load>,
    activity: Arc<Activity>,
}

impl Outbox {
    pub(super) fn new(limits: QueueLimits, activity: Arc<Activity>) -> (Self, Queue) {
        // The bounds are kept by the load, not by the channel: they count bytes too.
        let (sender, receiver) = mpsc::unbounded_channel();
        let load = Arc::<Load>::default();
        let queue = Queue {
            receiver,
            load: load.clone(),
            activity: activity.clone(),
        };
        let outbox = Self {
            sender,
            load,
            limits,
            activity,
        };
        (outbox, queue)
    }

    /// Queues a frame.
    pub(super) fn post(&self, text: Utf8Bytes) -> Result<Posted, PushError> {
        self.load.add(text.len(), self.limits)?;
        let slot = Arc::new(Slot::new(text));
        let (written, receiver) = oneshot::channel();
        let entry = Entry::Frame {
            slot: slot.clone(),
            written,
        };
        self.sender.send(entry).map_err(|_| PushError::Gone)?;
        Ok(Posted::new(receiver, slot, self.load.clone()))
    }

    /// Queues the end, which always fits.
    pub(super) fn close(self) -> oneshot::Receiver<()> {
        let (closed, receiver) = oneshot::channel();
        // If the session is gone the sender is dropped here, which tells the receiver so.
        let _ = self.sender.send(Entry::Close(closed));
        receiver
    }

    /// Whose queue it is.
    pub(super) fn activity(&self) -> &Activity {
        &self.activity
    }
}

impl Queue {
    /// The next thing to do; `None` if there can't be any more.
    pub(in crate::gateway) async fn receive(&mut self) -> Option<Outgoing> {
        loop {
            let entry = self.receiver.recv().await?;
            if let Some(outgoing) = self.take(entry) {
                return Some(outgoing);
            }
        }
    }

    /// The next thing to do if one waits already.
    pub(in crate::gateway) fn try_receive(&mut self) -> Option<Outgoing> {
        loop {
            let entry = self.receiver.try_recv().ok()?;
            if let Some(outgoing) = self.take(entry) {
                return Some(outgoing);
            }
        }
    }

    /// Tells that a frame was written, and makes room for others.
    pub(in crate::gateway) fn written(&self, frame: OutgoingFrame) {
        self.load.remove_bytes(frame.text.len());
        self.load.remove_frame();
        // Whoever posted it may have stopped waiting.
        let _ = frame.written.send(());
    }

    /// Notes that a message went through, in either direction.
    pub(in crate::gateway) fn active(&self, now: Instant) {
        self.activity.note(now);
    }

    /// What there is to do about an entry; nothing, if its frame was withdrawn.
    fn take(&self, entry: Entry) -> Option<Outgoing> {
        match entry {
            Entry::Close(closed) => Some(Outgoing::Close(closed)),
            Entry::Frame { slot, written } => {
                let Some(text) = slot.take() else {
                    self.load.remove_frame();
                    return None;
                };
                Some(Outgoing::Frame(OutgoingFrame { text, written }))
            }
        }
    }
}
