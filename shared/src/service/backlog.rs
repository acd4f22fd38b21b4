//! What a user has not been sent is pushed when they connect, with no request from the client.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::marks::Progress;
use super::{Delivery, connections, presence};
use crate::db::deliveries::Undelivered;
use crate::db::{self, Database, DbError};
use crate::domain::{ConnectionId, UserId};
use crate::frames;
use crate::push::PushError;

/// The bounds of one push on connect; the rest follows on the next one.
const MAX_FRAMES: usize = 500;
const MAX_TIME: Duration = Duration::from_secs(5);

/// How many messages one read brings.
const BATCH: i64 = 100;

/// How long the gateway may take to open a connection after its `$connect` has answered.
const MAX_PROBING: Duration = Duration::from_secs(10);

/// The same once the connection has lost its row: most likely because it has ended. Where newer ones pushed it out, it may still open,
/// and is to be closed then.
const LAST_PROBING: Duration = Duration::from_secs(1);

/// How long to wait for transactions that were under way when the connection's row was confirmed.
const MAX_SETTLING: Duration = Duration::from_secs(1);

/// The pause between two looks at something that takes no time in most cases.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// The pause before the next try, where the database is away or a client reads too slowly.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// Why a push of what a user lacks ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Interrupted {
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Push(#[from] PushError),
}

/// Runs after `$connect` has answered: waits until the connection is open, notes it, and pushes the user's undelivered messages,
/// oldest first, until none are left or a bound is reached. `sync_complete` ends it. Whatever fails is tried again while the
/// connection lasts.
pub async fn push_on_connect(delivery: &Delivery, connection: &ConnectionId, user: UserId) {
    retry(delivery, connection, user, Purpose::Connect).await;
}

/// Pushes to a connection what its user lacks, once its client reads again.
pub(super) async fn catch_up(delivery: &Delivery, connection: &ConnectionId, user: UserId) {
    retry(delivery, connection, user, Purpose::CatchUp).await;
}

/// Why undelivered messages are pushed.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    /// The connection is new.
    Connect,
    /// Its client read too slowly.
    CatchUp,
}

/// Tries until nothing is left to do, the connection is gone, or the process stops.
async fn retry(delivery: &Delivery, connection: &ConnectionId, user: UserId, purpose: Purpose) {
    let mut pause = FIRST_RETRY;
    loop {
        match attempt(delivery, connection, user, purpose).await {
            Ok(true) => return,
            Ok(false) => {}
            // Until a connection is confirmed the management API's 410 says nothing, and is waited for; after that it is the end.
            Err(Interrupted::Push(PushError::Gone)) => return forget(delivery, connection).await,
            Err(error) => tracing::warn!(%connection, %error, "undelivered messages are pushed at the next try"),
        }
        if !delivery.afterwards().pause(pause).await {
            return;
        }
        pause = (pause * 2).min(LONGEST_RETRY);
    }
}

/// Returns whether nothing is left to do.
async fn attempt(
    delivery: &Delivery,
    connection: &ConnectionId,
    user: UserId,
    purpose: Purpose,
) -> Result<bool, Interrupted> {
    match purpose {
        Purpose::Connect => deliver(delivery, connection, user).await.map(|()| true),
        Purpose::CatchUp => push_all(delivery, connection, user).await.map(|has_more| !has_more),
    }
}

/// `$disconnect` may have come before the row was confirmed.
async fn forget(delivery: &Delivery, connection: &ConnectionId) {
    if let Err(error) = connections::forget(delivery, connection).await {
        tracing::warn!(%connection, %error, "the row of a closed connection stays until its lease ends");
    }
}

async fn deliver(delivery: &Delivery, connection: &ConnectionId, user: UserId) -> Result<(), Interrupted> {
    wait_until_open(delivery, connection).await?;
    if !db::connections::confirm(delivery.db(), connection).await? {
        // Pushed out before the gateway could close it.
        connections::close(delivery, connection).await;
        return Ok(());
    }
    presence::tell_online(delivery, connection, user).await?;
    wait_until_settled(delivery.db()).await?;
    let has_more = push_all(delivery, connection, user).await?;
    let sync_complete = frames::sync_complete(has_more, None);
    delivery.push().post(connection, sync_complete).await?;
    Ok(())
}

/// The gateway answers 410 until the handshake is through, and again once the connection has ended: then `$disconnect` has removed the
/// row.
async fn wait_until_open(delivery: &Delivery, connection: &ConnectionId) -> Result<(), Interrupted> {
    let mut deadline = Instant::now() + MAX_PROBING;
    let mut pause = FIRST_PAUSE;
    while !delivery.push().is_open(connection).await? {
        if Instant::now() >= deadline {
            return Err(PushError::Gone.into());
        }
        if pause == LONGEST_PAUSE && !db::connections::is_registered(delivery.db(), connection).await? {
            deadline = deadline.min(Instant::now() + LAST_PROBING);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Ok(())
}

/// A send, or another change, that began before the connection's row was there does not push to it. Once all such statements have ended,
/// whatever they stored is found by the reads that follow.
pub(super) async fn wait_until_settled(db: &Database) -> Result<(), DbError> {
    let deadline = Instant::now() + MAX_SETTLING;
    let horizon = db::deliveries::horizon(db).await?;
    while !db::deliveries::settled(db, &horizon).await? && Instant::now() < deadline {
        sleep(FIRST_PAUSE).await;
    }
    Ok(())
}

/// Pushes batch after batch. Returns whether a bound ended it.
async fn push_all(delivery: &Delivery, connection: &ConnectionId, user: UserId) -> Result<bool, Interrupted> {
    let deadline = Instant::now() + MAX_TIME;
    let mut room = MAX_FRAMES;
    let mut pause = FIRST_PAUSE;
    loop {
        let batch = db::deliveries::list_undelivered(delivery.db(), user, BATCH).await?;
        if batch.is_empty() {
            return Ok(false);
        }
        let pushed = push_batch(delivery, connection, user, &batch, &mut room, deadline).await;
        delivery.write_marks().await;
        match pushed? {
            Batch::Bounded => return Ok(true),
            Batch::Pushed => pause = FIRST_PAUSE,
            Batch::Known { in_flight: false } if is_all(&batch) => return Ok(false),
            // Somebody else is pushing these, or their marks are being written: look again.
            Batch::Known { .. } => {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        if Instant::now() >= deadline {
            return Ok(true);
        }
    }
}

/// What became of a batch.
enum Batch {
    /// At least one message was pushed, and none is left.
    Pushed,
    /// All were pushed before, or are being pushed.
    Known { in_flight: bool },
    /// A bound was reached: frames, time, or what the connection takes.
    Bounded,
}

async fn push_batch(
    delivery: &Delivery,
    connection: &ConnectionId,
    user: UserId,
    batch: &[Undelivered],
    room: &mut usize,
    deadline: Instant,
) -> Result<Batch, PushError> {
    let (mut pushed, mut in_flight) = (false, false);
    for undelivered in batch {
        match delivery.progress(undelivered, user) {
            Some(Progress::InFlight) => in_flight = true,
            Some(Progress::Pushed | Progress::Own | Progress::Marking) => {}
            None if *room == 0 => return Ok(Batch::Bounded),
            None => match delivery.push_undelivered(undelivered, user, connection, deadline).await {
                Ok(()) => {
                    *room -= 1;
                    pushed = true;
                }
                Err(PushError::Busy) => return Ok(Batch::Bounded),
                Err(error) => return Err(error),
            },
        }
    }
    Ok(if pushed {
        Batch::Pushed
    } else {
        Batch::Known { in_flight }
    })
}

/// Whether nothing undelivered lies behind this batch.
fn is_all(batch: &[Undelivered]) -> bool {
    i64::try_from(batch.len()).is_ok_and(|length| length < BATCH)
}
