//! From a stored message to its receivers' connections, and the delivered marks behind it.
//!
//! Persist first, push second: nothing here can fail a send. The mark of a user moves over a message once the gateway took a push of
//! it for one of their connections; it lags, because marks are written together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::Afterwards;
use super::marks::{Marks, Progress, Stream};
use crate::db::connections::Connection;
use crate::db::deliveries::Undelivered;
use crate::db::messages::{Changed, Member, Sent};
use crate::db::{self, Database};
use crate::domain::{ClientId, ConnectionId, ConversationId, UserId};
use crate::push::{Outcome, Push, PushError};
use crate::ws::frames;

/// How long marks are collected before one statement writes them.
const MARKING_DELAY: Duration = Duration::from_millis(250);

/// The most that a send pushes of a gap below it; the next send goes on from there.
const GAP_LIMIT: i64 = 100;

/// How long a send may spend on it.
const GAP_TIME: Duration = Duration::from_secs(5);

/// Pushes frames and keeps the delivered marks. Cheap to clone.
#[derive(Clone)]
pub struct Delivery {
    shared: Arc<Shared>,
}

struct Shared {
    db: Database,
    push: Arc<dyn Push>,
    afterwards: Afterwards,
    marks: Marks,
    marking_is_due: AtomicBool,
}

impl Delivery {
    /// Pushes through `push`; what follows a push goes `afterwards`.
    #[must_use]
    pub fn new(db: Database, push: Arc<dyn Push>, afterwards: Afterwards) -> Self {
        Self {
            shared: Arc::new(Shared {
                db,
                push,
                afterwards,
                marks: Marks::default(),
                marking_is_due: AtomicBool::new(false),
            }),
        }
    }

    /// Where work goes that nobody waits for.
    #[must_use]
    pub fn afterwards(&self) -> &Afterwards {
        &self.shared.afterwards
    }

    /// The way to the connections.
    #[must_use]
    pub fn push(&self) -> &dyn Push {
        &*self.shared.push
    }

    /// Sends one frame to one connection, whatever becomes of it.
    pub async fn reply(&self, connection: &ConnectionId, frame: Bytes) {
        let outcome = self.shared.push.post(connection, frame);
        let connection = connection.clone();
        self.shared
            .afterwards
            .run(async move {
                if let Err(error) = outcome.await {
                    tracing::debug!(%connection, %error, "a reply was not delivered");
                }
            })
            .await;
    }

    /// Tells everyone of a message that was just stored, its sender's connections too: that is the acknowledgement.
    pub async fn announce_message(&self, sent: Sent, client_id: Option<&ClientId>) {
        let to_sender = frames::direct_message(&sent.message, &sent.sender_username, client_id);
        let to_others = frames::direct_message(&sent.message, &sent.sender_username, None);
        let mut pushes = Vec::new();
        for member in sent.members {
            let stream = (sent.message.conversation_id, member.user_id);
            if member.user_id == sent.message.sender_id {
                self.shared.marks.pushed(stream, sent.message.seq);
                pushes.push(self.post_all(member, &to_sender));
            } else {
                pushes.push(self.post_message(stream, sent.message.seq, member, &to_others));
            }
        }
        self.follow(pushes, sent.message.conversation_id, sent.message.seq)
            .await;
    }

    /// Answers a repeated send on the connection that asks, and pushes the message to those who still lack it.
    pub async fn answer_repeat(&self, connection: &ConnectionId, sent: Sent, client_id: Option<&ClientId>) {
        let message = &sent.message;
        if message.deleted {
            return self
                .reply(connection, frames::message_deleted(message, client_id))
                .await;
        }
        self.reply(
            connection,
            frames::direct_message(message, &sent.sender_username, client_id),
        )
        .await;
        let frame = frames::direct_message(message, &sent.sender_username, None);
        let (conversation_id, seq, sender_id) = (message.conversation_id, message.seq, message.sender_id);
        let pushes = sent
            .members
            .into_iter()
            .filter(|member| member.user_id != sender_id && member.delivered_seq < seq)
            .filter(|member| {
                self.shared
                    .marks
                    .progress((conversation_id, member.user_id), seq)
                    .is_none()
            })
            .map(|member| self.post_message((conversation_id, member.user_id), seq, member, &frame))
            .collect();
        self.follow(pushes, conversation_id, seq).await;
    }

    /// Tells everyone of an edit or a deletion.
    pub async fn announce_change(&self, changed: Changed) {
        let frame = if changed.message.deleted {
            frames::message_deleted(&changed.message, None)
        } else {
            frames::message_edited(&changed.message)
        };
        let posts = self.post_each(changed.connections, &frame);
        let shared = Arc::clone(&self.shared);
        self.shared
            .afterwards
            .run(async move {
                shared.settle(posts).await;
            })
            .await;
    }

    /// Waits for what is under way and writes the last marks.
    pub async fn finish(&self) {
        self.shared.afterwards.finish().await;
        self.shared.write_marks().await;
    }

    /// A push to a receiver, which counts for the delivered mark.
    fn post_message(&self, stream: Stream, seq: i64, member: Member, frame: &Bytes) -> MemberPush {
        self.shared.marks.begin(stream, seq);
        MemberPush {
            counts: true,
            ..self.post_all(member, frame)
        }
    }

    fn post_all(&self, member: Member, frame: &Bytes) -> MemberPush {
        MemberPush {
            user_id: member.user_id,
            delivered_seq: member.delivered_seq,
            counts: false,
            posts: self.post_each(member.connections, frame),
        }
    }

    fn post_each(&self, connections: Vec<Connection>, frame: &Bytes) -> Vec<Post> {
        connections
            .into_iter()
            .map(|connection| Post {
                outcome: self.shared.push.post(&connection.id, frame.clone()),
                connection,
            })
            .collect()
    }

    async fn follow(&self, pushes: Vec<MemberPush>, conversation: ConversationId, seq: i64) {
        let shared = Arc::clone(&self.shared);
        self.shared
            .afterwards
            .run(async move {
                join_all(pushes.into_iter().map(|push| shared.complete(push, conversation, seq))).await;
                shared.schedule_marking().await;
            })
            .await;
    }

    pub(super) fn progress(&self, undelivered: &Undelivered, user: UserId) -> Option<Progress> {
        self.shared
            .marks
            .progress(stream_of(undelivered, user), undelivered.message.seq)
    }

    /// Pushes a message that somebody was not sent yet to one of their connections. The mark follows. [`PushError::Busy`] where the
    /// connection did not take it before `deadline`.
    pub(super) async fn push_undelivered(
        &self,
        undelivered: &Undelivered,
        user: UserId,
        connection: &ConnectionId,
        deadline: Instant,
    ) -> Result<(), PushError> {
        self.shared
            .push_undelivered(undelivered, user, connection, deadline)
            .await
    }

    /// Writes the marks of all that was pushed so far.
    pub(super) async fn write_marks(&self) {
        self.shared.write_marks().await;
    }
}

/// The pushes of one message to one user.
struct MemberPush {
    user_id: UserId,
    delivered_seq: i64,
    /// Whether a success moves the delivered mark.
    counts: bool,
    posts: Vec<Post>,
}

struct Post {
    connection: Connection,
    outcome: Outcome,
}

impl Shared {
    /// Waits for the pushes to one user, notes how they went, and closes a gap below the message.
    async fn complete(&self, push: MemberPush, conversation: ConversationId, seq: i64) {
        let reached = self.settle(push.posts).await;
        if !push.counts {
            return;
        }
        let stream = (conversation, push.user_id);
        if reached.is_empty() {
            self.marks.failed(stream, seq);
            return;
        }
        self.marks.pushed(stream, seq);
        if let Some(mark) = self.marks.gap_above(stream, push.delivered_seq, seq) {
            self.close_gap(stream, mark, seq, &reached).await;
        }
    }

    /// Waits for posts, forgets the connections that are gone, and returns those that were reached.
    async fn settle(&self, posts: Vec<Post>) -> Vec<ConnectionId> {
        let settled = posts.into_iter().map(|post| async {
            match post.outcome.await {
                Ok(()) => Some(post.connection.id),
                Err(error) => {
                    self.note_failure(&post.connection, &error).await;
                    None
                }
            }
        });
        join_all(settled).await.into_iter().flatten().collect()
    }

    async fn note_failure(&self, connection: &Connection, error: &PushError) {
        tracing::debug!(connection = %connection.id, %error, "a frame was not delivered");
        if *error == PushError::Gone
            && let Err(error) = db::connections::remove_gone(&self.db, connection).await
        {
            tracing::warn!(connection = %connection.id, %error, "the row of a closed connection stays until its lease ends");
        }
    }

    /// Pushes what lies between the delivered mark and a message that was just pushed: earlier pushes that failed.
    async fn close_gap(&self, stream: Stream, mark: i64, seq: i64, connections: &[ConnectionId]) {
        let (conversation, user) = stream;
        match db::deliveries::list_gap(&self.db, user, conversation, mark, seq, GAP_LIMIT).await {
            Ok(gap) => {
                let deadline = Instant::now() + GAP_TIME;
                for undelivered in gap {
                    if self.marks.progress(stream, undelivered.message.seq).is_none() {
                        let pushes = connections
                            .iter()
                            .map(|connection| self.push_undelivered(&undelivered, user, connection, deadline));
                        join_all(pushes).await;
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "undelivered messages wait for the next send or connect"),
        }
    }

    async fn push_undelivered(
        &self,
        undelivered: &Undelivered,
        user: UserId,
        connection: &ConnectionId,
        deadline: Instant,
    ) -> Result<(), PushError> {
        let stream = stream_of(undelivered, user);
        let seq = undelivered.message.seq;
        self.marks.begin(stream, seq);
        let frame = frames::direct_message(&undelivered.message, &undelivered.sender_username, None);
        let outcome = timeout_at(deadline, self.push.post(connection, frame))
            .await
            .unwrap_or(Err(PushError::Busy));
        match outcome {
            Ok(()) => self.marks.pushed(stream, seq),
            Err(_) => self.marks.failed(stream, seq),
        }
        outcome
    }

    /// Has the marks written soon: once for all pushes of the next fraction of a second, or now where there is no later.
    async fn schedule_marking(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        match &self.afterwards {
            Afterwards::Inline => self.write_marks().await,
            Afterwards::Spawned(_) if self.marking_is_due.swap(true, Ordering::AcqRel) => {}
            Afterwards::Spawned(tasks) => drop(tasks.spawn(async move {
                tokio::time::sleep(MARKING_DELAY).await;
                shared.marking_is_due.store(false, Ordering::Release);
                shared.write_marks().await;
            })),
        }
    }

    async fn write_marks(&self) {
        let marks = self.marks.take_pushed();
        if marks.is_empty() {
            return;
        }
        match db::deliveries::mark_delivered(&self.db, &marks).await {
            Ok(standing) => self.marks.marked(&marks, &standing),
            Err(error) => {
                tracing::warn!(%error, "delivered marks wait for the next push");
                self.marks.not_marked(&marks);
            }
        }
    }
}

fn stream_of(undelivered: &Undelivered, user: UserId) -> Stream {
    (undelivered.message.conversation_id, user)
}
