//! From a stored message to its receivers' connections, and the delivered marks behind it.
//!
//! Persist first, push second: nothing here can fail a send. The mark of a user moves over a message once the gateway took a push of
//! it for one of their connections; it lags, because marks are written together.

mod marking;
mod outcomes;

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::Afterwards;
use super::marks::{Marks, Stream};
use crate::db::Database;
use crate::db::connections::Connection;
use crate::db::messages::{Changed, Member, Sent};
use crate::domain::{ClientId, ConnectionId};
use crate::frames;
use crate::push::Push;
use outcomes::{MemberPush, Post};

/// How many own messages in a row are marked as delivered by themselves: in a function each, as the next environment knows of the
/// mark in the database only and would look for a gap below it.
fn own_run(afterwards: &Afterwards) -> usize {
    match afterwards {
        Afterwards::Inline | Afterwards::Deferred(_) => 1,
        Afterwards::Spawned(_) => 64,
    }
}

/// Pushes frames and keeps the delivered marks. Cheap to clone.
#[derive(Clone)]
pub struct Delivery(Arc<Inner>);

struct Inner {
    db: Database,
    push: Arc<dyn Push>,
    afterwards: Afterwards,
    marks: Marks,
    marking_is_due: AtomicBool,
    /// Held while marks are written.
    marking: tokio::sync::Mutex<()>,
    /// The connections that a task is catching up for.
    lagging: Mutex<HashSet<ConnectionId>>,
}

impl Delivery {
    /// Pushes through `push`; what follows a push goes `afterwards`.
    #[must_use]
    pub fn new(db: Database, push: Arc<dyn Push>, afterwards: Afterwards) -> Self {
        Self(Arc::new(Inner {
            db,
            push,
            marks: Marks::new(own_run(&afterwards)),
            afterwards,
            marking_is_due: AtomicBool::new(false),
            marking: tokio::sync::Mutex::default(),
            lagging: Mutex::default(),
        }))
    }

    /// Where work goes that nobody waits for.
    #[must_use]
    pub fn afterwards(&self) -> &Afterwards {
        &self.0.afterwards
    }

    /// The database that the messages are in.
    pub(super) fn db(&self) -> &Database {
        &self.0.db
    }

    /// The way to the connections.
    #[must_use]
    pub fn push(&self) -> &dyn Push {
        &*self.0.push
    }

    /// Sends one frame to one connection, whatever becomes of it.
    pub async fn reply(&self, connection: &ConnectionId, frame: Bytes) {
        let outcome = self.push().post(connection, frame);
        let connection = connection.clone();
        let log_failure = async move {
            if let Err(error) = outcome.await {
                tracing::debug!(%connection, %error, "a reply was not delivered");
            }
        };
        self.afterwards().run(log_failure).await;
    }

    /// Tells everyone of a message that was just stored, its sender's connections last: once they have that acknowledgement, the
    /// message is on its way to everybody else.
    pub async fn announce_message(&self, sent: Sent, client_id: Option<&ClientId>) {
        let message = &sent.message;
        let to_sender = frames::message(message, &sent.sender_username, client_id);
        let to_others = frames::message(message, &sent.sender_username, None);
        let is_sender = |member: &Member| member.user_id == message.sender_id;
        let (senders, others): (Vec<_>, Vec<_>) = sent.members.into_iter().partition(is_sender);
        let mut pushes = Vec::with_capacity(senders.len() + others.len());
        for member in others {
            let stream = (message.conversation_id, member.user_id);
            pushes.push(self.post_message(stream, message.seq, member, &to_others));
        }
        for member in senders {
            let stream = (message.conversation_id, member.user_id);
            self.0.marks.own(stream, message.seq);
            pushes.push(self.post_copies(stream, message.seq, member, &to_sender));
        }
        self.follow(pushes).await;
    }

    /// Answers a repeated send on the connection that asks, and pushes the message to those who still lack it.
    pub async fn answer_repeat(&self, connection: &ConnectionId, sent: Sent, client_id: Option<&ClientId>) {
        let message = &sent.message;
        if message.deleted {
            return self
                .reply(connection, frames::message_deleted(message, client_id))
                .await;
        }
        let answer = frames::message(message, &sent.sender_username, client_id);
        self.reply(connection, answer).await;
        let frame = frames::message(message, &sent.sender_username, None);
        let pushes = sent.members.into_iter().filter_map(|member| {
            let stream = (message.conversation_id, member.user_id);
            let has_it = member.user_id == message.sender_id
                || member.delivered_seq >= message.seq
                || self.0.marks.progress(stream, message.seq).is_some();
            (!has_it).then(|| self.post_message(stream, message.seq, member, &frame))
        });
        self.follow(pushes.collect()).await;
    }

    /// Tells everyone of an edit or a deletion.
    pub async fn announce_change(&self, changed: Changed) {
        let frame = if changed.message.deleted {
            frames::message_deleted(&changed.message, None)
        } else {
            frames::message_edited(&changed.message)
        };
        self.post_to_all(changed.connections, &frame).await;
    }

    /// Sends one frame to many connections; what becomes of it keeps nobody waiting.
    pub(super) async fn post_to_all(&self, connections: Vec<Connection>, frame: &Bytes) {
        self.settle_afterwards(self.post_each(connections, frame)).await;
    }

    /// Sends to each connection a frame of its own; what becomes of them keeps nobody waiting.
    pub(super) async fn post_one_to_each(&self, frames: Vec<(Connection, Bytes)>) {
        let post = |(connection, frame): (Connection, Bytes)| Post {
            outcome: self.push().post(&connection.id, frame),
            connection,
        };
        self.settle_afterwards(frames.into_iter().map(post).collect()).await;
    }

    /// Sees to what becomes of posts, without keeping anybody waiting.
    async fn settle_afterwards(&self, posts: Vec<Post>) {
        let delivery = self.clone();
        let settle = async move {
            delivery.settle(posts).await;
        };
        self.afterwards().run(settle).await;
    }

    /// Waits for what is under way and writes the last marks.
    pub async fn finish(&self) {
        self.afterwards().finish().await;
        self.write_marks().await;
    }

    /// A push to a receiver, which counts for the delivered mark.
    fn post_message(&self, stream: Stream, seq: i64, member: Member, frame: &Bytes) -> MemberPush {
        self.0.marks.begin(stream, seq);
        MemberPush {
            counts: true,
            ..self.post_copies(stream, seq, member, frame)
        }
    }

    fn post_copies(&self, stream: Stream, seq: i64, member: Member, frame: &Bytes) -> MemberPush {
        MemberPush {
            stream,
            seq,
            mark: member.delivered_seq,
            counts: false,
            posts: self.post_each(member.connections, frame),
        }
    }

    fn post_each(&self, connections: Vec<Connection>, frame: &Bytes) -> Vec<Post> {
        let post = |connection: Connection| Post {
            outcome: self.push().post(&connection.id, frame.clone()),
            connection,
        };
        connections.into_iter().map(post).collect()
    }
}
