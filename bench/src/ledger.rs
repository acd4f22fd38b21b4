//! Which messages were sent and which arrived where, and so what was lost and what came twice.

use std::collections::BTreeMap;

/// What is known of one message.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    state: State,
    /// Receivers who have it.
    delivered: u16,
    /// Whether its sender was told that it is stored.
    echoed: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// It is not due yet, or couldn't be written.
    #[default]
    Unsent,
    Sent,
    /// The server said that it doesn't take it.
    Refused,
}

/// What an arriving message is to the user to whom it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The sender's own copy: the acknowledgement.
    Echo,
    /// A receiver's.
    Delivery,
    /// They have it already.
    Repeat,
}

/// Who has what.
#[derive(Debug)]
pub(crate) struct Ledger {
    receivers: u16,
    entries: Vec<Entry>,
    /// What each user has, a bit a message.
    seen: Vec<Vec<u64>>,
    /// Arrivals that are still to come, echoes too.
    open: usize,
    repeated: usize,
    errors: BTreeMap<String, usize>,
    /// Refusals that don't say which message they are about.
    anonymous_refusals: usize,
}

/// The sums in the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Messages written to a socket.
    pub(crate) sent: usize,
    /// Those that the server said it doesn't take.
    pub(crate) refused: usize,
    /// Those that couldn't be written, or were held back as the server had asked for.
    pub(crate) unsent: usize,
    /// Those whose sender got the acknowledgement.
    pub(crate) echoed: usize,
    /// Arrivals at receivers, repeats not counted.
    pub(crate) delivered: usize,
    /// Arrivals at receivers that should have been: of messages sent and not refused.
    pub(crate) lost: usize,
    /// Arrivals of what the user has already.
    pub(crate) repeated: usize,
    /// How often something failed, by its code.
    pub(crate) errors: BTreeMap<String, usize>,
}

impl Ledger {
    /// For so many messages among so many users, each with so many receivers beside its sender.
    pub(crate) fn new(messages: usize, users: usize, receivers: u16) -> Self {
        Self {
            receivers,
            entries: vec![Entry::default(); messages],
            seen: vec![vec![0; messages.div_ceil(64)]; users],
            open: 0,
            repeated: 0,
            errors: BTreeMap::new(),
            anonymous_refusals: 0,
        }
    }

    /// The message is about to be written.
    pub(crate) fn sent(&mut self, message: usize) {
        self.entries[message].state = State::Sent;
        self.open += 1 + usize::from(self.receivers);
    }

    /// Writing it failed after all.
    pub(crate) fn not_sent(&mut self, message: usize, code: &str) {
        self.failed(code);
        self.give_up(message, State::Unsent);
    }

    /// The server doesn't take a message; which one is known only where it says so.
    pub(crate) fn refused(&mut self, message: Option<usize>, code: &str) {
        self.failed(code);
        if let Some(message) = message {
            self.give_up(message, State::Refused);
        } else {
            self.anonymous_refusals += 1;
            self.open = self.open.saturating_sub(1 + usize::from(self.receivers));
        }
    }

    /// Something else failed.
    pub(crate) fn failed(&mut self, code: &str) {
        *self.errors.entry(code.to_owned()).or_default() += 1;
    }

    /// A message came to a user.
    pub(crate) fn arrived(&mut self, user: usize, sender: usize, message: usize) -> Arrival {
        let entry = &mut self.entries[message];
        let (word, bit) = (message / 64, 1 << (message % 64));
        if self.seen[user][word] & bit != 0 {
            self.repeated += 1;
            return Arrival::Repeat;
        }
        self.seen[user][word] |= bit;
        if entry.state == State::Sent {
            self.open = self.open.saturating_sub(1);
        }
        if user == sender {
            entry.echoed = true;
            Arrival::Echo
        } else {
            entry.delivered += 1;
            Arrival::Delivery
        }
    }

    /// Whether the sender is still to be told that the message is stored, or why not.
    pub(crate) fn awaits_echo(&self, message: usize) -> bool {
        let entry = self.entries[message];
        entry.state == State::Sent && !entry.echoed
    }

    /// How many arrivals are still to come, echoes too.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// Whether everything that was sent has arrived.
    pub(crate) fn is_complete(&self) -> bool {
        self.open == 0
    }

    /// The sums over all messages, those of the warm-up too.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals {
            repeated: self.repeated,
            errors: self.errors.clone(),
            refused: self.anonymous_refusals,
            ..Totals::default()
        };
        for entry in &self.entries {
            totals.delivered += usize::from(entry.delivered);
            totals.echoed += usize::from(entry.echoed);
            match entry.state {
                State::Unsent => totals.unsent += 1,
                State::Refused => {
                    totals.sent += 1;
                    totals.refused += 1;
                }
                State::Sent => {
                    totals.sent += 1;
                    totals.lost += usize::from(self.receivers.saturating_sub(entry.delivered));
                }
            }
        }
        let excused = self.anonymous_refusals * usize::from(self.receivers);
        totals.lost = totals.lost.saturating_sub(excused);
        totals
    }

    /// Nothing more of the message is waited for.
    fn give_up(&mut self, message: usize, state: State) {
        let entry = &mut self.entries[message];
        if entry.state == State::Sent {
            let arrived = entry.delivered + u16::from(entry.echoed);
            self.open = self
                .open
                .saturating_sub(usize::from(1 + self.receivers - arrived.min(1 + self.receivers)));
        }
        entry.state = state;
    }
}

#[cfg(test)]
mod tests;
