//! Sending, and knowing what became of it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::Device;
use crate::frame::Frame;
use crate::journal::Acknowledged;

/// How long to wait for acknowledgements before the sends are repeated.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a device tries. The gateway and Postgres come back sooner by far.
const MAX_TRYING: Duration = Duration::from_mins(1);

/// Where a message goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    User(Uuid),
    Conversation(Uuid),
}

impl Device {
    /// Writes a message; it is still to be sent.
    pub(super) fn compose(&mut self, target: Target) -> String {
        let client_id = format!("{} {}", self.record.label, self.sent.len());
        let content = format!("{client_id}: hello");
        let frame = match target {
            Target::User(to) => {
                json!({"type": "direct_message", "to": to, "content": content, "client_id": client_id})
            }
            Target::Conversation(id) => {
                json!({"type": "message", "conversation_id": id, "content": content, "client_id": client_id})
            }
        };
        self.record.journal.sends.entry(client_id.clone()).or_default();
        self.sent.insert(client_id.clone(), frame);
        client_id
    }

    /// Has a message sent (again) with the next [`Self::send_pending`].
    pub(super) fn queue(&mut self, client_id: &str) {
        if let Some(frame) = self.sent.get(client_id) {
            self.pending.insert(client_id.to_owned(), frame.clone());
        }
    }

    /// Sends what waits, and repeats it until all of it is acknowledged or refused.
    pub(super) async fn send_pending(&mut self) {
        let deadline = Instant::now() + MAX_TRYING;
        while !self.pending.is_empty() && Instant::now() < deadline {
            if !self.is_connected().await {
                continue;
            }
            let frames: Vec<Value> = self.pending.values().cloned().collect();
            for frame in frames {
                self.counts.sends += 1;
                self.send(&frame).await;
            }
            let repeat = Instant::now() + PATIENCE;
            while !self.pending.is_empty() && self.socket.is_some() && Instant::now() < repeat {
                self.listen_for(repeat - Instant::now(), is_answer_to_a_send).await;
            }
        }
    }

    /// Notes what a frame tells of a send of this device.
    pub(super) fn note_answer(&mut self, frame: &Frame) {
        match frame {
            Frame::DirectMessage(said) | Frame::Message(said) => {
                if let Some(client_id) = &said.client_id {
                    self.acknowledge(client_id, said.id, said.conversation_id, said.seq);
                }
            }
            Frame::MessageDeleted(deleted) => {
                if let Some(client_id) = &deleted.client_id {
                    self.acknowledge(client_id, deleted.id, deleted.conversation_id, deleted.seq);
                }
            }
            Frame::Error {
                code,
                client_id: Some(client_id),
                ..
            } => self.note_refusal(code, client_id),
            _ => {}
        }
    }

    /// The user's other devices get copies too: those are acknowledgements of theirs.
    fn acknowledge(&mut self, client_id: &str, id: Uuid, conversation_id: Uuid, seq: i64) {
        if self.sent.contains_key(client_id) {
            self.pending.remove(client_id);
            let acknowledged = Acknowledged {
                id,
                conversation_id,
                seq,
            };
            self.record.journal.acknowledge(client_id, acknowledged);
        }
    }

    fn note_refusal(&mut self, code: &str, client_id: &str) {
        self.counts.refusals += 1;
        match code {
            "rate_limited" | "unavailable" => {}
            // The user is no member any more.
            "forbidden" | "unknown_conversation" => {
                self.pending.remove(client_id);
            }
            code => {
                self.pending.remove(client_id);
                self.record
                    .journal
                    .contradict(format!("{client_id} was refused as {code}"));
            }
        }
    }
}

fn is_answer_to_a_send(frame: &Frame) -> bool {
    match frame {
        Frame::DirectMessage(said) | Frame::Message(said) => said.client_id.is_some(),
        Frame::MessageDeleted(deleted) => deleted.client_id.is_some(),
        Frame::Error { client_id, .. } => client_id.is_some(),
        _ => false,
    }
}
