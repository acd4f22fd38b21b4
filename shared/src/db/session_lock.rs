//! Advisory locks that a session holds until its connection ends.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::connect::Endpoint;

/// What became of an attempt to take a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// It is ours until the client is dropped.
    Acquired,
    /// Another session holds it.
    Held,
    /// A pooler lends the session to others, so that nobody would hold the lock. It was let go again.
    SharedSession,
}

/// What to do about [`Attempt::SharedSession`].
pub(super) const SHARED_SESSION: &str = "a lock can't be held by way of a pooler in transaction mode, which lends each session to many: set \
     DATABASE_DIRECT_URL to a URL of Postgres itself";

/// Tries to take the lock `key` for the session of `client`, which is a connection to `endpoint`.
///
/// A pooler in transaction mode would grant it too, on a session of its own that goes from client to client and outlives them all: the
/// lock would protect nothing, and nobody could ever let it go. So a second connection looks whether it meets the same session, and
/// lets the lock go from there. A busy pooler may lend it another one; no connection to Postgres itself is ever taken for a pooler's.
pub(super) async fn try_acquire(
    client: &Client,
    endpoint: &Endpoint,
    key: i64,
) -> Result<Attempt, tokio_postgres::Error> {
    let lock = "select pg_try_advisory_lock($1), pg_backend_pid()";
    let row = client.query_typed_one(lock, &[(&key, Type::INT8)]).await?;
    let (acquired, session): (bool, i32) = (row.try_get(0)?, row.try_get(1)?);
    if !acquired {
        return Ok(Attempt::Held);
    }
    let unlock_if_shared = "select case when pg_backend_pid() = $1 then pg_advisory_unlock($2) else false end";
    let parameters: [super::database::Parameter<'_>; 2] = [(&session, Type::INT4), (&key, Type::INT8)];
    let other = endpoint.connect().await?;
    let is_shared = other.query_typed_one(unlock_if_shared, &parameters).await?.try_get(0)?;
    Ok(if is_shared {
        Attempt::SharedSession
    } else {
        Attempt::Acquired
    })
}
