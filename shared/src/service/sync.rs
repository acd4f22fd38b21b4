//! `sync`: a client says how far it knows its conversations, and gets exactly what it missed.
//!
//! It looks up to the versions at its start, so it ends while changes pour in; what is sent live meanwhile has higher versions. A bound
//! ends it early, and the versions that it came to are where the next one goes on.

mod batch;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout_at};

use super::Delivery;
use super::backlog::{self, Interrupted};
use crate::Error;
use crate::db;
use crate::db::feed::{Scope, Window};
use crate::domain::{ConnectionId, ConversationId, UserId};
use crate::frames;
use crate::push::PushError;
use batch::{Batch, Change};

/// The bounds of one sync; the rest follows on the next one.
const MAX_FRAMES: usize = 500;
const MAX_TIME: Duration = Duration::from_secs(5);

/// How many conversations it looks at: as many as a client may name.
const MAX_CONVERSATIONS: i64 = 500;

/// How long the end may take to be sent where the client reads slowly.
const LAST_FRAME_TIME: Duration = Duration::from_secs(5);

/// How long a connection that takes no more frames is left alone.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// How far a client knows its conversations.
type Versions = BTreeMap<ConversationId, i64>;

/// Sends a connection what it missed.
///
/// # Errors
/// [`Error::UnknownConnection`], [`Error::RateLimited`] while another sync of this connection runs or the last one began less than a
/// second ago, or what the database says.
pub async fn sync(delivery: &Delivery, connection: &ConnectionId, known: Versions) -> Result<(), Error> {
    let user = db::sync::begin(delivery.db(), connection).await?;
    let sync = Sync {
        delivery: delivery.clone(),
        connection: connection.clone(),
        user,
        room: MAX_FRAMES,
        deadline: Instant::now() + MAX_TIME,
    };
    // In process the connection's next frames need not wait for it.
    delivery.afterwards().run(sync.run(known)).await;
    Ok(())
}

/// A sync that is under way.
struct Sync {
    delivery: Delivery,
    connection: ConnectionId,
    user: UserId,
    /// How many frames may still be sent.
    room: usize,
    deadline: Instant,
}

/// How far a conversation was sent.
enum Reached {
    /// Up to its version at the start.
    End,
    /// Up to this version: a bound ended it.
    Bound(i64),
}

impl Sync {
    async fn run(mut self, known: Versions) {
        let outcome = self.send_all(&known).await;
        // Before the end is told: who has it may go on at once.
        if let Err(error) = db::sync::end(self.delivery.db(), &self.connection).await {
            tracing::warn!(connection = %self.connection, %error, "the connection's next sync waits for a few seconds");
        }
        let outcome = match outcome {
            Ok(end) => self.send_end(end).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) | Err(Interrupted::Push(PushError::Gone)) => {}
            Err(error) => self.give_up(error).await,
        }
        self.delivery.write_marks().await;
    }

    /// The client hears that it does not have everything.
    async fn give_up(&self, interrupted: Interrupted) {
        tracing::warn!(connection = %self.connection, error = %interrupted, "a sync ended early");
        let error = Error::Unavailable(interrupted.into());
        self.delivery.reply(&self.connection, frames::error(&error, None)).await;
    }

    /// Sends what was missed, and returns the frame that ends it.
    async fn send_all(&mut self, known: &Versions) -> Result<Bytes, Interrupted> {
        // A change that began before this connection was there is told by nobody else.
        backlog::wait_until_settled(self.delivery.db()).await?;
        let scopes = db::feed::list_scopes(self.delivery.db(), self.user, known, MAX_CONVERSATIONS).await?;
        let mut versions = Versions::new();
        let mut has_more = false;
        for scope in scopes {
            let id = scope.conversation_id;
            let after = known.get(&id).copied();
            if has_more {
                versions.extend(after.map(|after| (id, after)));
                continue;
            }
            match self.send_conversation(&scope, after.unwrap_or(0)).await? {
                Reached::End => versions.insert(id, scope.version),
                Reached::Bound(version) => {
                    has_more = true;
                    versions.insert(id, version)
                }
            };
        }
        Ok(frames::sync_complete(has_more, Some(&versions)))
    }

    async fn send_conversation(&mut self, scope: &Scope, known: i64) -> Result<Reached, Interrupted> {
        let mut after = known;
        while after < scope.version {
            // Also where there is much to look through of which nothing is to be sent.
            if Instant::now() >= self.deadline {
                return Ok(Reached::Bound(after));
            }
            let window = Window {
                after,
                upto: scope.version,
            };
            let Batch { changes, upto } = Batch::read(self.delivery.db(), self.user, scope, window, known).await?;
            if let Reached::Bound(version) = self.send_batch(scope, changes, after).await? {
                return Ok(Reached::Bound(version));
            }
            after = upto;
        }
        Ok(Reached::End)
    }

    /// Sends changes in the order of their positions. Several can stand at one position, which is reached with the last of them.
    async fn send_batch(&mut self, scope: &Scope, changes: Vec<Change>, after: i64) -> Result<Reached, Interrupted> {
        let mut reached = after;
        let mut position = after;
        for change in changes {
            if change.position() > position {
                reached = change.position() - 1;
                position = change.position();
            }
            for frame in change.frames(scope) {
                if self.room == 0 || !self.send(scope, &change, frame).await? {
                    return Ok(Reached::Bound(reached));
                }
                self.room -= 1;
            }
        }
        Ok(Reached::End)
    }

    /// Whether the connection took the frame in time.
    async fn send(&self, scope: &Scope, change: &Change, frame: Bytes) -> Result<bool, PushError> {
        loop {
            let outcome = match change.counts_for(self.user) {
                Some(seq) => {
                    let stream = (scope.conversation_id, self.user);
                    self.delivery
                        .push_message(stream, seq, &self.connection, frame.clone(), self.deadline)
                        .await
                }
                None => self.post(frame.clone(), self.deadline).await,
            };
            match outcome {
                Err(PushError::Busy) if Instant::now() + BUSY_PAUSE < self.deadline => sleep(BUSY_PAUSE).await,
                Err(PushError::Busy) => return Ok(false),
                outcome => return outcome.map(|()| true),
            }
        }
    }

    async fn send_end(&self, frame: Bytes) -> Result<(), Interrupted> {
        let deadline = Instant::now() + LAST_FRAME_TIME;
        loop {
            match self.post(frame.clone(), deadline).await {
                Err(PushError::Busy) if Instant::now() + BUSY_PAUSE < deadline => sleep(BUSY_PAUSE).await,
                outcome => return Ok(outcome?),
            }
        }
    }

    async fn post(&self, frame: Bytes, deadline: Instant) -> Result<(), PushError> {
        let push = self.delivery.push().post(&self.connection, frame);
        timeout_at(deadline, push).await.unwrap_or(Err(PushError::Busy))
    }
}
