//! `sync`: a device says what it knows, and gets what it missed.

mod bounds;
mod former;
mod missed;
mod pouring;
mod refusals;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Socket, TestServer, User, in_lambda_mode, wait_as_told};

/// What a sync brought.
struct Synced {
    /// All but its end.
    frames: Vec<Value>,
    has_more: bool,
    versions: Value,
}

impl Synced {
    /// The frames of this type.
    fn of(&self, kind: &str) -> Vec<&Value> {
        self.frames.iter().filter(|frame| frame["type"] == kind).collect()
    }

    /// The messages' numbers, in the order in which they came.
    fn seqs(&self) -> Vec<i64> {
        self.frames
            .iter()
            .filter(|frame| frame["id"].is_string())
            .map(|frame| frame["seq"].as_i64().unwrap())
            .collect()
    }
}

/// How long the server may spend on a sync: a bound ends it then.
const MAX_TIME: Duration = Duration::from_secs(5);

/// Asks for what was missed above these versions, and again where a busy machine had that take too long.
async fn sync(socket: &mut Socket, versions: &Value) -> Synced {
    // What came by itself before is no part of it.
    socket.catch_up().await;
    for _ in 0..20 {
        let start = Instant::now();
        socket.send(&json!({"type": "sync", "versions": versions})).await;
        let is_end = |frame: &Value| frame.get("versions").is_some() || frame["type"] == "error";
        let mut frames = socket.take_all_until(is_end).await;
        let mut end = frames.pop().unwrap();
        if end["code"] == "rate_limited" {
            wait_as_told(&end).await;
            continue;
        }
        assert_eq!(end["type"], "sync_complete", "{end}");
        let has_more = end["has_more"].as_bool().unwrap();
        if !has_more || start.elapsed() < MAX_TIME {
            let versions = end["versions"].take();
            return Synced {
                frames,
                has_more,
                versions,
            };
        }
    }
    panic!("no sync in time");
}

/// Asks again and again until nothing is left; all that came, and where it ended.
async fn sync_to_the_end(socket: &mut Socket, versions: &Value) -> Synced {
    let mut all = sync(socket, versions).await;
    while all.has_more {
        let next = sync(socket, &all.versions).await;
        all.frames.extend(next.frames);
        (all.has_more, all.versions) = (next.has_more, next.versions);
    }
    all
}

/// A device that was just opened, after its push on connect and the marks that followed from that.
async fn device(server: &TestServer, user: &User) -> Socket {
    let mut socket = server.open(user).await;
    socket.next_of("sync_complete").await;
    socket
}

/// Waits until a user's delivered mark stands there: no version is taken by it any more. In process it doesn't move for own messages
/// alone.
async fn wait_until_delivered(server: &TestServer, user: &User, seq: i64) {
    let of_others = if in_lambda_mode() {
        "true"
    } else {
        "sender_id <> user_id"
    };
    let query = format!(
        "select not exists (
            select from members join messages using (conversation_id)
                where user_id = '{}' and seq > delivered_seq and seq <= {seq} and {of_others}
        )",
        user.id
    );
    server.wait_until(&query).await;
}
