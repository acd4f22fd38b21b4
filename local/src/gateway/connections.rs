//! The table of open sockets, and pushing through it.

mod client;
mod load;
mod outbox;
mod posted;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::ready;
use shared::domain::ConnectionId;
use shared::push::{Outcome, Push, PushError};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use client::Activity;
pub(super) use client::{Client, Description};
use outbox::Outbox;
pub(super) use outbox::{Outgoing, Queue};
use posted::Posted;

/// The largest frame that a connection takes, in bytes.
pub(super) const MAX_FRAME_SIZE: usize = 128 * 1024;

/// How much may wait for one connection's client to read it.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// The number of frames.
    pub frames: usize,
    /// Their bytes together.
    pub bytes: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            frames: 1024,
            bytes: 1024 * 1024,
        }
    }
}

/// The connections from their handshake to their end. Clones share one table.
#[derive(Clone, Default)]
pub struct Connections {
    table: Arc<RwLock<HashMap<ConnectionId, State>>>,
    limits: QueueLimits,
}

/// How far a connection is.
enum State {
    /// Its `$connect` has not answered yet: for posts it does not exist.
    Opening,
    /// It takes frames.
    Open(Outbox),
}

impl Connections {
    /// An empty table whose connections queue up to `limits`.
    #[must_use]
    pub fn new(limits: QueueLimits) -> Self {
        Self {
            table: Arc::default(),
            limits,
        }
    }

    /// Notes a connection whose handshake begins, until the registration is dropped.
    pub(super) fn register(&self, id: ConnectionId, client: Client) -> Registration {
        self.write(|table| table.insert(id.clone(), State::Opening));
        Registration {
            connections: self.clone(),
            id,
            activity: Arc::new(Activity::new(client)),
        }
    }

    /// Posts a frame that is taken back ([`PushError::Busy`]) if its turn does not come within `patience`, or if the
    /// returned future is dropped before that: who is told that a frame was not taken may post it again, so it must not go
    /// out as well. Once its turn has come its outcome is waited for, which the time limit of a write bounds.
    pub(super) async fn post_within(
        &self,
        connection: &ConnectionId,
        frame: Utf8Bytes,
        patience: Duration,
    ) -> Result<(), PushError> {
        let mut post = self.enqueue(connection, frame)?.or_withdrawn();
        match timeout(patience, post.written()).await {
            Err(_elapsed) if post.withdraw() => Err(PushError::Busy),
            Err(_elapsed) => post.written().await,
            Ok(outcome) => outcome,
        }
    }

    /// What is known of an open connection.
    pub(super) fn describe(&self, connection: &ConnectionId) -> Result<Description, PushError> {
        self.read(|table| match table.get(connection) {
            Some(State::Open(outbox)) => Ok(outbox.activity().describe()),
            Some(State::Opening) | None => Err(PushError::Gone),
        })
    }

    /// Ends an open connection once what was posted before has gone out; the receiver tells of that.
    pub(super) fn begin_close(&self, connection: &ConnectionId) -> Result<oneshot::Receiver<()>, PushError> {
        match self.take_open(connection) {
            Some(State::Open(outbox)) => Ok(outbox.close()),
            Some(State::Opening) | None => Err(PushError::Gone),
        }
    }

    fn enqueue(&self, connection: &ConnectionId, frame: Utf8Bytes) -> Result<Posted, PushError> {
        if frame.len() > MAX_FRAME_SIZE {
            return Err(PushError::TooLarge);
        }
        self.read(|table| match table.get(connection) {
            Some(State::Open(outbox)) => outbox.post(frame),
            Some(State::Opening) | None => Err(PushError::Gone),
        })
    }

    /// Takes a connection out of the table if it is open.
    fn take_open(&self, connection: &ConnectionId) -> Option<State> {
        self.write(|table| match table.get(connection)? {
            State::Open(_) => table.remove(connection),
            State::Opening => None,
        })
    }

    fn read<T>(&self, look: impl FnOnce(&HashMap<ConnectionId, State>) -> T) -> T {
        look(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut HashMap<ConnectionId, State>) -> T) -> T {
        change(&mut self.table.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Push for Connections {
    fn post(&self, connection: &ConnectionId, frame: Bytes) -> Outcome {
        let posted = Utf8Bytes::try_from(frame)
            .map_err(|_| PushError::Unreachable("the frame is not UTF-8".to_owned()))
            .and_then(|text| self.enqueue(connection, text));
        done(posted.map(Posted::into_written))
    }

    /// The connection is gone for further posts at once; what was posted before goes out, then the close frame.
    fn close(&self, connection: &ConnectionId) -> Outcome {
        done(self.begin_close(connection))
    }

    /// Unlike the management API this table knows a handshake that is under way from a connection that has ended.
    fn is_open(&self, connection: &ConnectionId) -> Outcome<bool> {
        let is_open = self.read(|table| match table.get(connection) {
            Some(State::Open(_)) => Ok(true),
            Some(State::Opening) => Ok(false),
            None => Err(PushError::Gone),
        });
        ready(is_open).boxed()
    }
}

/// Resolves with the session's word, or [`PushError::Gone`] if it ended without one.
fn done(begun: Result<oneshot::Receiver<()>, PushError>) -> Outcome {
    match begun {
        Ok(receiver) => receiver.map(|outcome| outcome.map_err(|_| PushError::Gone)).boxed(),
        Err(error) => ready(Err(error)).boxed(),
    }
}

/// A connection's place in the table. Dropping it makes the connection gone, whatever way its session ends.
pub(super) struct Registration {
    connections: Connections,
    id: ConnectionId,
    activity: Arc<Activity>,
}

impl Registration {
    /// Opens the connection for pushes.
    pub(super) fn open(&self) -> Queue {
        let (outbox, queue) = Outbox::new(self.connections.limits, self.activity.clone());
        let open = State::Open(outbox);
        self.connections.write(|table| table.insert(self.id.clone(), open));
        queue
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.connections.write(|table| table.remove(&self.id));
    }
}

#[cfg(test)]
mod tests;
