//! What becomes of pushes: whom they reached, which connections are gone, and gaps that earlier failures left.

use std::collections::HashSet;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio::time::{Instant, timeout_at};

use super::Delivery;
use crate::db;
use crate::db::connections::Connection;
use crate::db::deliveries::Undelivered;
use crate::domain::{ConnectionId, Presence, UserId};
use crate::frames;
use crate::push::{Outcome, PushError};
use crate::service::marks::{Progress, Stream};
use crate::service::{Afterwards, backlog, presence};

/// The most that a send pushes of a gap below it; the next send goes on from there.
const GAP_LIMIT: i64 = 100;

/// How long a send may spend on it.
const GAP_TIME: Duration = Duration::from_secs(5);

/// How old a gap has to be. Of two sends at once the later can be pushed before the earlier one's commit is known here.
const GAP_PATIENCE: Duration = Duration::from_millis(500);

/// The same in a function, where each moment is paid for: long enough for another environment, which has just pushed what is missing, to
/// write its mark.
const GAP_PATIENCE_IN_A_FUNCTION: Duration = Duration::from_millis(100);

/// The pushes of one message to one user.
pub(super) struct MemberPush {
    pub(super) stream: Stream,
    pub(super) seq: i64,
    /// Where the user's delivered mark stood when the message was stored.
    pub(super) mark: i64,
    /// Whether a success moves the mark.
    pub(super) counts: bool,
    pub(super) posts: Vec<Post>,
}

/// A frame on its way to one connection.
pub(super) struct Post {
    pub(super) connection: Connection,
    pub(super) outcome: Outcome,
}

/// What became of the posts of one frame.
#[derive(Default)]
pub(super) struct Settled {
    /// The connections that took it.
    reached: Vec<ConnectionId>,
    /// Those whose clients read too slowly.
    busy: Vec<ConnectionId>,
}

/// Messages below one that was just pushed of which nobody knows that they were.
struct Gap {
    stream: Stream,
    mark: i64,
    seq: i64,
    /// Which of the user's connections took the message.
    connections: Vec<ConnectionId>,
}

impl Delivery {
    /// Sees to what follows pushes, without keeping anybody waiting.
    pub(super) async fn follow(&self, pushes: Vec<MemberPush>) {
        let delivery = self.clone();
        let complete = async move {
            join_all(pushes.into_iter().map(|push| delivery.complete(push))).await;
            delivery.finish_marking().await;
        };
        self.afterwards().run(complete).await;
    }

    /// How far the push of an undelivered message is, as far as this process knows.
    pub(in crate::service) fn progress(&self, undelivered: &Undelivered, user: UserId) -> Option<Progress> {
        self.0
            .marks
            .progress(stream_of(undelivered, user), undelivered.message.seq)
    }

    /// Pushes a message that somebody was not sent yet to one of their connections. The mark follows. [`PushError::Busy`] where the
    /// connection did not take it before `deadline`.
    pub(in crate::service) async fn push_undelivered(
        &self,
        undelivered: &Undelivered,
        user: UserId,
        connection: &ConnectionId,
        deadline: Instant,
    ) -> Result<(), PushError> {
        let frame = frames::message(&undelivered.message, &undelivered.sender_username, None);
        let stream = stream_of(undelivered, user);
        self.push_message(stream, undelivered.message.seq, connection, frame, deadline)
            .await
    }

    /// Pushes a message to a connection, which counts for the delivered mark. [`PushError::Busy`] where the connection did not take it
    /// before `deadline`.
    pub(in crate::service) async fn push_message(
        &self,
        stream: Stream,
        seq: i64,
        connection: &ConnectionId,
        frame: Bytes,
        deadline: Instant,
    ) -> Result<(), PushError> {
        self.0.marks.begin(stream, seq);
        let push = self.push().post(connection, frame);
        let outcome = timeout_at(deadline, push).await.unwrap_or(Err(PushError::Busy));
        match outcome {
            Ok(()) => self.0.marks.pushed(stream, seq),
            Err(_) => self.0.marks.failed(stream, seq),
        }
        outcome
    }

    /// Waits for the pushes to one user, notes how they went, and closes a gap below the message.
    async fn complete(&self, push: MemberPush) {
        if !push.counts {
            self.settle(push.posts).await;
        } else if let Some(gap) = self.note_push(push).await {
            self.close_gap_if_it_stays(gap).await;
        }
    }

    /// Waits for the pushes to one user, notes how they went, and tells whether there is a gap below the message.
    async fn note_push(&self, push: MemberPush) -> Option<Gap> {
        let MemberPush { stream, seq, mark, .. } = push;
        let posts = push.posts.into_iter().map(|post| self.counting(stream, seq, post));
        let Settled { reached, busy } = self.settle(posts.collect()).await;
        if reached.is_empty() {
            self.0.marks.failed(stream, seq);
            for connection in busy {
                self.catch_up_later(connection, stream.1);
            }
            return None;
        }
        let mark = self.0.marks.gap_above(stream, mark, seq)?;
        Some(Gap {
            stream,
            mark,
            seq,
            connections: reached,
        })
    }

    /// A post that counts for the delivered mark as soon as it is taken: the mark waits for no slower device.
    fn counting(&self, stream: Stream, seq: i64, post: Post) -> Post {
        let delivery = self.clone();
        let outcome = async move {
            let outcome = post.outcome.await;
            if outcome.is_ok() {
                delivery.0.marks.pushed(stream, seq);
                delivery.mark_soon();
            }
            outcome
        };
        Post {
            connection: post.connection,
            outcome: outcome.boxed(),
        }
    }

    /// Waits for posts and forgets the connections that are gone.
    pub(super) async fn settle(&self, posts: Vec<Post>) -> Settled {
        let outcomes = posts.into_iter().map(|post| async {
            let outcome = post.outcome.await;
            if let Err(error) = &outcome {
                self.note_failure(&post.connection, error).await;
            }
            (post.connection.id, outcome)
        });
        let mut settled = Settled::default();
        for (connection, outcome) in join_all(outcomes).await {
            match outcome {
                Ok(()) => settled.reached.push(connection),
                Err(PushError::Busy) => settled.busy.push(connection),
                Err(_) => {}
            }
        }
        settled
    }

    async fn note_failure(&self, connection: &Connection, error: &PushError) {
        tracing::debug!(connection = %connection.id, %error, "a frame was not delivered");
        if *error != PushError::Gone {
            return;
        }
        match db::connections::remove_gone(&self.0.db, connection).await {
            Ok(Some(presence)) => self.announce_gone(presence).await,
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(connection = %connection.id, %error, "the row of a closed connection stays until its lease ends");
            }
        }
    }

    /// Tells that somebody went. It is boxed, as telling can find that somebody else has gone.
    fn announce_gone(&self, presence: Presence) -> BoxFuture<'static, ()> {
        let delivery = self.clone();
        async move { presence::announce(&delivery, &presence).await }.boxed()
    }

    /// Has a task push to a connection what its user lacks, once its client reads again. Nothing else would until the next send in
    /// that conversation or the next connect. One task for each connection, and none in a function: it can't wait.
    fn catch_up_later(&self, connection: ConnectionId, user: UserId) {
        let Afterwards::Spawned(tasks) = self.afterwards() else {
            return;
        };
        if self.lagging().insert(connection.clone()) {
            let delivery = self.clone();
            tasks.spawn(async move {
                backlog::catch_up(&delivery, &connection, user).await;
                delivery.lagging().remove(&connection);
            });
        }
    }

    fn lagging(&self) -> MutexGuard<'_, HashSet<ConnectionId>> {
        self.0.lagging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn close_gap_if_it_stays(&self, gap: Gap) {
        tokio::time::sleep(match self.afterwards() {
            Afterwards::Spawned(_) => GAP_PATIENCE,
            Afterwards::Inline | Afterwards::Deferred(_) => GAP_PATIENCE_IN_A_FUNCTION,
        })
        .await;
        if let Some(mark) = self.0.marks.gap_above(gap.stream, gap.mark, gap.seq) {
            self.close_gap(Gap { mark, ..gap }).await;
            self.mark_soon();
        }
    }

    /// Pushes what lies between the delivered mark and a message that was just pushed: earlier pushes that failed.
    async fn close_gap(&self, gap: Gap) {
        let (conversation, user) = gap.stream;
        let missing = db::deliveries::list_gap(&self.0.db, user, conversation, gap.mark, gap.seq, GAP_LIMIT).await;
        let missing = match missing {
            Ok(missing) => missing,
            Err(error) => {
                tracing::warn!(%error, "undelivered messages wait for the next send or connect");
                return;
            }
        };
        let deadline = Instant::now() + GAP_TIME;
        for undelivered in missing {
            if self.progress(&undelivered, user).is_none() {
                let push = |connection| self.push_undelivered(&undelivered, user, connection, deadline);
                join_all(gap.connections.iter().map(push)).await;
            }
        }
    }
}

fn stream_of(undelivered: &Undelivered, user: UserId) -> Stream {
    (undelivered.message.conversation_id, user)
}
