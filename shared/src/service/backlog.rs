//! What a user has not been sent is pushed when they connect, with no request from the client.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Delivery;
use super::marks::Progress;
use crate::db::deliveries::Undelivered;
use crate::db::{self, Database, DbError};
use crate::domain::{ConnectionId, UserId};
use crate::push::PushError;
use crate::ws::frames;

/// The bounds of one push on connect; the rest follows on the next one.
const MAX_FRAMES: usize = 500;
const MAX_TIME: Duration = Duration::from_secs(5);

/// How many messages one read brings.
const BATCH: i64 = 100;

/// How long the gateway may take to open a connection after its `$connect` has answered.
const MAX_PROBING: Duration = Duration::from_secs(10);

/// How long to wait for transactions that were under way when the connection's row was confirmed.
const MAX_SETTLING: Duration = Duration::from_secs(1);

/// The pause between two looks at something that takes no time in most cases.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Why the push on connect ended early.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Push(#[from] PushError),
}

/// Runs after `$connect` has answered: waits until the connection is open, notes it, and pushes the user's undelivered messages,
/// oldest first, until none are left or a bound is reached. `sync_complete` ends it.
pub async fn push_on_connect(db: Database, delivery: Delivery, connection: ConnectionId, user: UserId) {
    match deliver(&db, &delivery, &connection, user).await {
        Ok(()) => {}
        // Until a connection is confirmed a 410 says nothing; after that it is the end of it, and `$disconnect` may have come too soon.
        Err(Interrupted::Push(PushError::Gone)) => {
            if let Err(error) = db::connections::close(&db, &connection).await {
                tracing::warn!(%connection, %error, "the row of a closed connection stays until its lease ends");
            }
        }
        Err(error) => tracing::warn!(%connection, %error, "the push on connect ended early"),
    }
}

async fn deliver(
    db: &Database,
    delivery: &Delivery,
    connection: &ConnectionId,
    user: UserId,
) -> Result<(), Interrupted> {
    wait_until_open(delivery, connection).await?;
    db::connections::confirm(db, connection, user).await?;
    wait_until_settled(db).await?;
    let deadline = Instant::now() + MAX_TIME;
    let has_more = push_all(db, delivery, connection, user, deadline).await?;
    delivery
        .push()
        .post(connection, frames::sync_complete(has_more))
        .await?;
    Ok(())
}

/// The gateway answers 410 until the handshake is through.
async fn wait_until_open(delivery: &Delivery, connection: &ConnectionId) -> Result<(), PushError> {
    let deadline = Instant::now() + MAX_PROBING;
    let mut pause = FIRST_PAUSE;
    while !delivery.push().is_open(connection).await? {
        if Instant::now() >= deadline {
            return Err(PushError::Gone);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Ok(())
}

/// A send that began before the connection's row was there does not push to it. Once all such sends have ended, whatever they
/// stored is found by the reads that follow.
async fn wait_until_settled(db: &Database) -> Result<(), DbError> {
    let deadline = Instant::now() + MAX_SETTLING;
    let horizon = db::deliveries::horizon(db).await?;
    while !db::deliveries::settled(db, &horizon).await? && Instant::now() < deadline {
        sleep(FIRST_PAUSE).await;
    }
    Ok(())
}

/// Pushes batch after batch. Returns whether a bound ended it.
async fn push_all(
    db: &Database,
    delivery: &Delivery,
    connection: &ConnectionId,
    user: UserId,
    deadline: Instant,
) -> Result<bool, Interrupted> {
    let mut room = MAX_FRAMES;
    let mut pause = FIRST_PAUSE;
    loop {
        let batch = db::deliveries::list_undelivered(db, user, BATCH).await?;
        if batch.is_empty() {
            return Ok(false);
        }
        let mut in_flight = false;
        let mut pushed = false;
        for undelivered in &batch {
            match delivery.progress(undelivered, user) {
                Some(Progress::InFlight) => in_flight = true,
                Some(Progress::Pushed | Progress::Marking) => {}
                None if room == 0 => return Ok(true),
                None => match delivery.push_undelivered(undelivered, user, connection, deadline).await {
                    Ok(()) => {
                        room -= 1;
                        pushed = true;
                    }
                    Err(PushError::Busy) => return Ok(true),
                    Err(error) => return Err(error.into()),
                },
            }
        }
        delivery.write_marks().await;
        if Instant::now() >= deadline {
            return Ok(true);
        }
        if pushed {
            pause = FIRST_PAUSE;
            continue;
        }
        if !in_flight && is_all(&batch) {
            return Ok(false);
        }
        // Somebody else is pushing these, or their marks are being written: look again.
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether nothing undelivered lies behind this batch.
fn is_all(batch: &[Undelivered]) -> bool {
    i64::try_from(batch.len()).is_ok_and(|length| length < BATCH)
}
