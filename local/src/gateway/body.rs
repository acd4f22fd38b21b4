//! Reading a request's body within bounds.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::EXPECT;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::memory::Held;

/// How much of a body that nobody wants is read and thrown away, as a multiple of what is allowed: a client that is still
/// sending when the refusal comes would see a reset connection in its stead.
const TOLERANCE: usize = 3;

/// What a client may send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The largest body, in bytes.
    pub(super) size: usize,
    /// How long it may take to send it.
    pub(super) time: Duration,
}

/// Why a body can't be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is over the limit.
    TooLarge,
    /// The client took too long to send it.
    TooSlow,
    /// The client hung up, or did not keep to HTTP.
    Broken,
    /// The gateway holds as many bodies as it may.
    NoRoom,
}

/// The whole body of a request, which is `held` as it arrives.
pub(super) async fn read(headers: &HeaderMap, body: Body, bounds: Bounds, held: &mut Held) -> Result<Bytes, BodyError> {
    let too_large = body.size_hint().lower() > bounds.size as u64;
    if too_large && headers.contains_key(EXPECT) {
        // The client waits for a word before it sends anything.
        return Err(BodyError::TooLarge);
    }
    let reading = async {
        if too_large {
            discard(body, bounds.size).await;
            return Err(BodyError::TooLarge);
        }
        collect(body, bounds.size, held).await
    };
    timeout(bounds.time, reading).await.unwrap_or(Err(BodyError::TooSlow))
}

/// Reads a body that nobody wants.
pub(super) async fn skip(body: Body, bounds: Bounds) {
    // How far it got does not matter: it is for the client's sake only.
    let _ = timeout(bounds.time, discard(body, bounds.size)).await;
}

async fn collect(mut body: Body, limit: usize, held: &mut Held) -> Result<Bytes, BodyError> {
    let collected = collect_within(&mut body, limit, held).await;
    if matches!(collected, Err(BodyError::TooLarge | BodyError::NoRoom)) {
        discard(body, limit).await;
    }
    collected
}

async fn collect_within(body: &mut Body, limit: usize, held: &mut Held) -> Result<Bytes, BodyError> {
    let mut body = Limited::new(body, limit);
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => BodyError::TooLarge,
            None => BodyError::Broken,
        })?;
        if let Ok(data) = frame.into_data() {
            held.grow(data.len()).map_err(|_| BodyError::NoRoom)?;
            collected.extend_from_slice(&data);
        }
    }
    Ok(collected.freeze())
}

async fn discard(mut body: Body, limit: usize) {
    let mut rest = limit.saturating_mul(TOLERANCE);
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        let Some(less) = rest.checked_sub(length) else { return };
        rest = less;
    }
}
