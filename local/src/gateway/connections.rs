//! The table of open sockets, and pushing through it.

mod outbox;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::ready;
use shared::domain::ConnectionId;
use shared::push::{Outcome, Push, PushError};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use outbox::Outbox;
pub(super) use outbox::{Outgoing, Queue};

/// The largest frame that a connection takes, in bytes.
const MAX_FRAME_SIZE: usize = 128 * 1024;

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
    pub(super) fn register(&self, id: ConnectionId) -> Registration {
        self.write(|table| table.insert(id.clone(), State::Opening));
        Registration {
            connections: self.clone(),
            id,
        }
    }

    fn enqueue(&self, connection: &ConnectionId, frame: Bytes) -> Result<oneshot::Receiver<()>, PushError> {
        if frame.len() > MAX_FRAME_SIZE {
            return Err(PushError::TooLarge);
        }
        let text =
            Utf8Bytes::try_from(frame).map_err(|_| PushError::Unreachable("the frame is not UTF-8".to_owned()))?;
        self.read(|table| match table.get(connection) {
            Some(State::Open(outbox)) => outbox.post(text),
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
        match self.enqueue(connection, frame) {
            Ok(written) => done(written),
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    /// The connection is gone for further posts at once; what was posted before goes out, then the close frame.
    fn close(&self, connection: &ConnectionId) -> Outcome {
        match self.take_open(connection) {
            Some(State::Open(outbox)) => done(outbox.close()),
            Some(State::Opening) | None => ready(Err(PushError::Gone)).boxed(),
        }
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
fn done(receiver: oneshot::Receiver<()>) -> Outcome {
    receiver.map(|outcome| outcome.map_err(|_| PushError::Gone)).boxed()
}

/// A connection's place in the table. Dropping it makes the connection gone, whatever way its session ends.
pub(super) struct Registration {
    connections: Connections,
    id: ConnectionId,
}

impl Registration {
    /// Opens the connection for pushes.
    pub(super) fn open(&self) -> Queue {
        let (outbox, queue) = Outbox::new(self.connections.limits);
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
mod tests {
    use super::*;

    fn frame(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    fn registered(limits: QueueLimits) -> (Connections, ConnectionId, Registration, Queue) {
        let connections = Connections::new(limits);
        let id = ConnectionId::new("a".to_owned());
        let registration = connections.register(id.clone());
        let queue = registration.open();
        (connections, id, registration, queue)
    }

    #[tokio::test]
    async fn an_unknown_connection_is_gone() {
        let connections = Connections::default();
        let id = ConnectionId::new("nobody".to_owned());
        assert_eq!(connections.post(&id, frame("x")).await, Err(PushError::Gone));
        assert_eq!(connections.close(&id).await, Err(PushError::Gone));
        assert_eq!(connections.is_open(&id).await, Err(PushError::Gone));
    }

    #[tokio::test]
    async fn during_its_handshake_a_connection_is_neither_open_nor_gone() {
        let connections = Connections::default();
        let id = ConnectionId::new("a".to_owned());
        let registration = connections.register(id.clone());
        assert_eq!(connections.post(&id, frame("x")).await, Err(PushError::Gone));
        assert_eq!(connections.close(&id).await, Err(PushError::Gone));
        assert_eq!(connections.is_open(&id).await, Ok(false));
        let _queue = registration.open();
        assert_eq!(connections.is_open(&id).await, Ok(true));
        drop(registration);
        assert_eq!(connections.is_open(&id).await, Err(PushError::Gone));
    }

    #[tokio::test]
    async fn a_handshake_that_fails_leaves_nothing() {
        let connections = Connections::default();
        let id = ConnectionId::new("a".to_owned());
        drop(connections.register(id.clone()));
        assert_eq!(connections.is_open(&id).await, Err(PushError::Gone));
    }

    #[tokio::test]
    async fn a_post_takes_its_place_at_the_call_and_resolves_once_written() {
        let (connections, id, _registration, mut queue) = registered(QueueLimits::default());
        let second_polled_first = (connections.post(&id, frame("1")), connections.post(&id, frame("2")));
        let mut texts = Vec::new();
        for _ in 0..2 {
            let Some(Outgoing::Frame(frame)) = queue.receive().await else {
                panic!("a frame");
            };
            texts.push(frame.text.to_string());
            queue.written(frame);
        }
        assert_eq!(texts, ["1", "2"]);
        assert_eq!(second_polled_first.1.await, Ok(()));
        assert_eq!(second_polled_first.0.await, Ok(()));
    }

    #[tokio::test]
    async fn a_connection_that_ends_takes_its_queued_frames_with_it() {
        let (connections, id, registration, queue) = registered(QueueLimits::default());
        let post = connections.post(&id, frame("x"));
        drop(registration);
        drop(queue);
        assert_eq!(post.await, Err(PushError::Gone));
        assert_eq!(connections.is_open(&id).await, Err(PushError::Gone));
    }

    #[tokio::test]
    async fn a_full_queue_is_busy_until_its_client_reads() {
        let (connections, id, _registration, mut queue) = registered(QueueLimits { frames: 2, bytes: 10 });
        let _first = connections.post(&id, frame("1234"));
        let _second = connections.post(&id, frame("1"));
        assert_eq!(connections.post(&id, frame("1")).await, Err(PushError::Busy), "frames");
        let Some(Outgoing::Frame(frame_1)) = queue.receive().await else {
            panic!("a frame");
        };
        assert_eq!(
            connections.post(&id, frame("1")).await,
            Err(PushError::Busy),
            "not written yet"
        );
        queue.written(frame_1);
        assert_eq!(
            connections.post(&id, frame("12345678901")).await,
            Err(PushError::Busy),
            "bytes"
        );
        let third = connections.post(&id, frame("123456789"));
        assert!(third.now_or_never().is_none(), "there is room again");
    }

    #[tokio::test]
    async fn a_frame_that_no_socket_takes_is_refused() {
        let (connections, id, _registration, _queue) = registered(QueueLimits::default());
        let large = Bytes::from(vec![b'x'; MAX_FRAME_SIZE + 1]);
        assert_eq!(connections.post(&id, large).await, Err(PushError::TooLarge));
        let binary = connections.post(&id, Bytes::from_static(&[0xff])).await;
        assert!(matches!(binary, Err(PushError::Unreachable(_))), "{binary:?}");
    }

    #[tokio::test]
    async fn closing_goes_behind_what_is_queued_and_ends_posting_at_once() {
        let (connections, id, _registration, mut queue) = registered(QueueLimits { frames: 1, bytes: 100 });
        let _post = connections.post(&id, frame("last"));
        let _close = connections.close(&id);
        assert_eq!(connections.is_open(&id).await, Err(PushError::Gone));
        assert_eq!(connections.post(&id, frame("late")).await, Err(PushError::Gone));
        assert_eq!(connections.close(&id).await, Err(PushError::Gone));
        assert!(matches!(queue.receive().await, Some(Outgoing::Frame(_))));
        assert!(matches!(queue.receive().await, Some(Outgoing::Close(_))));
    }
}
