//! A device of a user: it does what its plan says, takes in what it is told, and does not give up on what it has sent.

mod acting;
mod sending;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::frame::Frame;
use crate::journal::Journal;
use crate::plan::{Action, Plan};
use crate::replica::Replica;
use crate::rest::{Account, Rest};
use crate::socket::Socket;
use crate::summary::Counts;
use crate::witness::Witness;

/// The pause before the next attempt to connect.
const RETRY: Duration = Duration::from_millis(200);

/// How long a sync may take: 5 seconds for what it sends and 5 for its end, and more on a busy machine.
const MAX_SYNC: Duration = Duration::from_secs(20);

/// How long a device asks for the rest of what it missed before it begins anew with another socket. A server that fails each sync must
/// not keep the run from its end.
const MAX_SYNCING: Duration = Duration::from_secs(30);

/// Who and what there is.
pub(crate) struct Directory {
    pub(crate) address: String,
    pub(crate) accounts: Vec<Account>,
    /// The groups, each with its owner.
    pub(crate) groups: Vec<(Uuid, Uuid)>,
    pub(crate) witness: Witness,
}

/// What is known of a device in the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    pub(crate) label: String,
    pub(crate) user: Uuid,
    pub(crate) replica: Replica,
    pub(crate) journal: Journal,
}

/// One of a user's devices.
pub(crate) struct Device {
    pub(crate) record: Record,
    pub(crate) counts: Counts,
    account: Account,
    rest: Rest,
    directory: Arc<Directory>,
    plan: Plan<Action>,
    socket: Option<Socket>,
    /// All frames of sends by `client_id`, for repeats, …
    sent: BTreeMap<String, Value>,
    /// … and those that wait for their acknowledgement.
    pending: BTreeMap<String, Value>,
}

impl Device {
    /// The device with this number, of the account with that number.
    pub(crate) fn new(number: usize, account: usize, directory: Arc<Directory>, rest: &Rest, seed: u64) -> Self {
        let account = directory.accounts[account].clone();
        Self {
            record: Record {
                label: format!("{}/{number}", account.name),
                user: account.id,
                ..Record::default()
            },
            counts: Counts::default(),
            rest: rest.of(&account),
            account,
            directory,
            plan: Plan::of_device(seed, number),
            socket: None,
            sent: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    /// Follows the plan until it is stopped; then waits for its last acknowledgements.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Self {
        while !stop.is_cancelled() {
            let next = self.plan.draw();
            self.listen(next.pause).await;
            self.act(next).await;
        }
        self.send_pending().await;
        for client_id in self.pending.keys() {
            let journal = &mut self.record.journal;
            journal.contradict(format!("{client_id} is not acknowledged though everything works again"));
        }
        self
    }

    /// Catches up to the end and listens for what comes by itself.
    pub(crate) async fn catch_up(&mut self) {
        if self.is_connected().await && self.sync().await {
            self.listen(Duration::from_millis(500)).await;
        }
    }

    /// Whether there is a socket, which is opened if need be. A client that must miss nothing syncs after each connect.
    async fn is_connected(&mut self) -> bool {
        if self.socket.is_some() {
            return true;
        }
        self.socket = Socket::open(&self.directory.address, &self.account.token).await.ok();
        if self.socket.is_none() {
            sleep(RETRY).await;
            return false;
        }
        self.counts.connects += 1;
        self.sync().await
    }

    /// Asks for what was missed, until nothing is left. False where the socket ended meanwhile.
    async fn sync(&mut self) -> bool {
        let deadline = Instant::now() + MAX_SYNCING;
        while Instant::now() < deadline {
            let frame = json!({"type": "sync", "versions": self.record.replica.versions});
            if !self.send(&frame).await {
                return false;
            }
            let answer = self.listen_for(MAX_SYNC, is_end_of_sync).await;
            match answer {
                Some(Frame::SyncComplete { has_more, .. }) => {
                    self.counts.syncs += 1;
                    if !has_more {
                        return true;
                    }
                }
                Some(Frame::Error { retry_after_ms, .. }) => {
                    self.listen(Duration::from_millis(retry_after_ms.unwrap_or(100))).await;
                }
                Some(_) | None => break,
            }
        }
        self.socket = None;
        false
    }

    /// Whether the socket took the frame.
    async fn send(&mut self, frame: &Value) -> bool {
        let Some(socket) = &mut self.socket else {
            return false;
        };
        let is_sent = socket.send(frame).await.is_ok();
        if !is_sent {
            self.socket = None;
        }
        is_sent
    }

    /// Takes in what comes for some time.
    async fn listen(&mut self, time: Duration) {
        let end = Instant::now() + time;
        self.listen_for(time, |_| false).await;
        // Without a socket there is nothing to listen to, but the time passes.
        tokio::time::sleep_until(end).await;
    }

    /// Takes in what comes until something is it, or the time has passed, or the socket has ended.
    async fn listen_for(&mut self, time: Duration, is_it: impl Fn(&Frame) -> bool) -> Option<Frame> {
        let deadline = Instant::now() + time;
        loop {
            let Ok(frame) = self.socket.as_mut()?.next_before(deadline).await else {
                self.socket = None;
                return None;
            };
            let frame = frame?;
            self.take_in(&frame).await;
            if is_it(&frame) {
                return Some(frame);
            }
        }
    }

    async fn take_in(&mut self, frame: &Frame) {
        if let Some((id, version)) = frame.message()
            && self.directory.witness.confirms(id, version).await == Some(false)
        {
            self.record.journal.told_too_early.push((id, version));
        }
        self.counts.frames += 1;
        self.record.replica.apply(frame);
        self.note_answer(frame);
    }
}

/// What a sync is answered with in the end. The push on connect ends like it, but without versions; answers to sends have a
/// `client_id`.
fn is_end_of_sync(frame: &Frame) -> bool {
    match frame {
        Frame::SyncComplete { versions, .. } => versions.is_some(),
        Frame::Error { client_id, .. } => client_id.is_none(),
        _ => false,
    }
}
