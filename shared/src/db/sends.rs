//! Sends that arrive while others are being stored wait for those, and are stored together: one statement and one commit for all.
//!
//! Nobody waits while nothing is under way, so a lonely send is as quick as it can be; the more there are, the less each costs. In a
//! function there is one at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{Database, DbError};
use crate::domain::{ConversationId, MessageId};

/// How many sends one statement stores at most.
const MAX_TOGETHER: usize = 64;

/// How long the next sends wait for those under way: longer than a commit takes, whose locks the next ones may want. After that these may
/// have met a lock of somebody else, which is no reason for others to wait.
const PATIENCE: Duration = Duration::from_secs(1);

/// What `post_message` answers where a send must be made by itself.
const APART: &str = "apart";

/// A send, as `post_message` takes it.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) connection: String,
    pub(super) receiver: Option<Uuid>,
    pub(super) target: Option<Uuid>,
    pub(super) content: String,
    pub(super) reply_to: Option<Uuid>,
    pub(super) client_id: Option<String>,
    pub(super) digest: Vec<u8>,
}

/// The sends that wait for those under way.
#[derive(Clone, Default)]
pub(super) struct Sends(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// Whether somebody takes what waits.
    is_attended: bool,
}

struct Waiting {
    send: Arc<Sending>,
    answer: oneshot::Sender<Fate>,
}

/// What became of a send.
enum Fate {
    /// It has an answer of `post_message`.
    Answered(Row),
    /// Nothing was done: it must be made by itself.
    Apart,
    /// Nobody knows.
    Failed(DbError),
}

impl Sends {
    /// Makes a send, together with others where there are some, and returns its row of `post_message`.
    ///
    /// # Errors
    /// [`DbError`] where the database does not answer.
    pub(super) async fn make(&self, db: &Database, send: Sending) -> Result<Row, DbError> {
        let send = Arc::new(send);
        let (answer, fate) = oneshot::channel();
        let waiting = Waiting {
            send: Arc::clone(&send),
            answer,
        };
        if self.join(waiting) {
            // A task of its own: who sends may be given up at any moment, and the others wait for theirs.
            tokio::spawn(self.clone().attend(db.clone()));
        }
        match fate.await {
            Ok(Fate::Answered(row)) => Ok(row),
            Ok(Fate::Apart) => make_alone(db, &send).await,
            Ok(Fate::Failed(error)) => Err(error),
            Err(_) => Err(DbError::Away("the send was given up".to_owned())),
        }
    }

    /// Queues a send. Returns whether somebody must attend to it.
    fn join(&self, waiting: Waiting) -> bool {
        let mut queue = self.lock();
        queue.waiting.push(waiting);
        !std::mem::replace(&mut queue.is_attended, true)
    }

    /// Stores what waits, until nothing does.
    async fn attend(self, db: Database) {
        while let Some(batch) = self.next() {
            let storing = tokio::spawn(store(db.clone(), batch));
            // What takes longer goes on by itself.
            let _ = timeout(PATIENCE, storing).await;
        }
    }

    /// The oldest of what waits; `None` where nothing does, and the next to come attends to it.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut queue = self.lock();
        let count = queue.waiting.len().min(MAX_TOGETHER);
        queue.is_attended = count > 0;
        (count > 0).then(|| queue.waiting.drain(..count).collect())
    }

    /// The queue is consistent between any two calls, so a panic elsewhere while it was locked is no reason to stop.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn store(db: Database, batch: Vec<Waiting>) {
    if let [waiting] = batch.as_slice() {
        let fate = make_alone(&db, &waiting.send)
            .await
            .map_or_else(Fate::Failed, Fate::Answered);
        return answer(batch, vec![fate]);
    }
    let sends: Vec<_> = batch.iter().map(|waiting| &*waiting.send).collect();
    let fates = match make_together(&db, &sends).await {
        Ok(rows) => rows.into_iter().map(fate).collect(),
        Err(error) => {
            tracing::debug!(%error, count = batch.len(), "sends that were made together failed");
            batch.iter().map(|_| fate_after(&error)).collect()
        }
    };
    answer(batch, fates);
}

fn fate(row: Row) -> Fate {
    if row.get::<_, &str>("status") == APART {
        Fate::Apart
    } else {
        Fate::Answered(row)
    }
}

/// What becomes of each of the sends whose statement failed. Where one of them was refused, or met a lock, all are undone.
fn fate_after(error: &DbError) -> Fate {
    if error.is_without_effect() {
        Fate::Apart
    } else {
        Fate::Failed(error.clone())
    }
}

fn answer(batch: Vec<Waiting>, fates: Vec<Fate>) {
    for (waiting, fate) in batch.into_iter().zip(fates) {
        // Who sent it may have gone.
        let _ = waiting.answer.send(fate);
    }
}

async fn make_alone(db: &Database, send: &Sending) -> Result<Row, DbError> {
    db.query_one(
        "select * from post_message($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            (&send.connection, Type::TEXT),
            (&send.receiver, Type::UUID),
            (&send.target, Type::UUID),
            (MessageId::generate().as_uuid(), Type::UUID),
            (ConversationId::generate().as_uuid(), Type::UUID),
            (&send.content, Type::TEXT),
            (&send.reply_to, Type::UUID),
            (&send.client_id, Type::TEXT),
            (&send.digest, Type::BYTEA),
        ],
    )
    .await
}

/// One row for each send, in their order.
async fn make_together(db: &Database, sends: &[&Sending]) -> Result<Vec<Row>, DbError> {
    let connections: Vec<_> = sends.iter().map(|send| &send.connection).collect();
    let receivers: Vec<_> = sends.iter().map(|send| send.receiver).collect();
    let targets: Vec<_> = sends.iter().map(|send| send.target).collect();
    let ids: Vec<_> = sends.iter().map(|_| *MessageId::generate().as_uuid()).collect();
    let contents: Vec<_> = sends.iter().map(|send| &send.content).collect();
    let replies_to: Vec<_> = sends.iter().map(|send| send.reply_to).collect();
    let client_ids: Vec<_> = sends.iter().map(|send| &send.client_id).collect();
    let digests: Vec<_> = sends.iter().map(|send| &send.digest).collect();
    db.query(
        "select * from post_messages($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            (&connections, Type::TEXT_ARRAY),
            (&receivers, Type::UUID_ARRAY),
            (&targets, Type::UUID_ARRAY),
            (&ids, Type::UUID_ARRAY),
            (&contents, Type::TEXT_ARRAY),
            (&replies_to, Type::UUID_ARRAY),
            (&client_ids, Type::TEXT_ARRAY),
            (&digests, Type::BYTEA_ARRAY),
        ],
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_undone_is_made_again_one_by_one() {
        for error in [
            DbError::Violated("a constraint".to_owned()),
            DbError::GaveWay("deadlock detected (40P01)".to_owned()),
            DbError::StatementLost("prepared statement \"s1\" does not exist (26000)".to_owned()),
            DbError::Refused("canceling statement due to lock timeout (55P03)".to_owned()),
        ] {
            assert!(matches!(fate_after(&error), Fate::Apart), "{error}");
        }
    }

    #[test]
    fn what_may_have_been_stored_is_not_made_again() {
        let neither_a_refusal_nor_the_network = "host".parse::<tokio_postgres::Config>().unwrap_err();
        for error in [
            DbError::Away("the connection broke".to_owned()),
            DbError::TimedOut(PATIENCE),
            DbError::from(neither_a_refusal_nor_the_network),
        ] {
            assert!(matches!(fate_after(&error), Fate::Failed(_)), "{error}");
        }
    }
}
