//! What a device did, and what it was told of that.

use std::collections::BTreeMap;

use uuid::Uuid;

/// What a device did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal {
    /// By `client_id`, with which each content begins.
    pub(crate) sends: BTreeMap<String, Send>,
    /// By message.
    pub(crate) changes: BTreeMap<Uuid, Changes>,
    /// Watermarks that were looked at.
    pub(crate) looks: Vec<Look>,
    /// Messages and their versions that were told before the database had them.
    pub(crate) told_too_early: Vec<(Uuid, i64)>,
    /// What contradicts the contract at first sight.
    pub(crate) contradictions: Vec<String>,
}

/// A watermark that was read over REST after something had been told of it.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) conversation_id: Uuid,
    pub(crate) user_id: Uuid,
    /// `read` or `delivered`.
    pub(crate) what: &'static str,
    pub(crate) told: i64,
    pub(crate) found: i64,
}

/// A send, and how it was acknowledged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Send {
    pub(crate) acknowledged: Option<Acknowledged>,
}

/// Where a message is, by its acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) id: Uuid,
    pub(crate) conversation_id: Uuid,
    pub(crate) seq: i64,
}

/// What was done to a message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    /// Whether an edit was acknowledged.
    pub(crate) edited: bool,
    /// Whether its deletion was acknowledged.
    pub(crate) deleted: bool,
}

impl Journal {
    /// Notes an acknowledgement. Two that differ are a contradiction.
    pub(crate) fn acknowledge(&mut self, client_id: &str, acknowledged: Acknowledged) {
        let send = self.sends.entry(client_id.to_owned()).or_default();
        match send.acknowledged {
            Some(before) if before != acknowledged => {
                self.contradict(format!(
                    "{client_id} was acknowledged as {before:?} and as {acknowledged:?}"
                ));
            }
            _ => send.acknowledged = Some(acknowledged),
        }
    }

    /// Notes something that the contract does not allow.
    pub(crate) fn contradict(&mut self, what: String) {
        self.contradictions.push(what);
    }

    /// The messages that were acknowledged, in an order that depends on nothing but them.
    pub(crate) fn acknowledged(&self) -> impl Iterator<Item = (&String, Acknowledged)> {
        self.sends
            .iter()
            .filter_map(|(client_id, send)| send.acknowledged.map(|acknowledged| (client_id, acknowledged)))
    }
}
