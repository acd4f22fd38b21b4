//! One run of messages, as all its clients see it.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::frame::Frame;
use crate::latency::Latencies;
use crate::ledger::{Arrival, Ledger};
use crate::payload::RunId;
use crate::schedule::Schedule;

/// Who writes to whom.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Audience {
    /// So many users, in pairs.
    Pairs(usize),
    /// A group of so many.
    Group(u16),
}

impl Audience {
    pub(crate) fn users(self) -> usize {
        match self {
            Self::Pairs(users) => users,
            Self::Group(members) => members.into(),
        }
    }

    /// How many get a message beside its sender.
    pub(crate) fn receivers(self) -> u16 {
        match self {
            Self::Pairs(_) => 1,
            Self::Group(members) => members - 1,
        }
    }

    /// Users take turns.
    pub(crate) fn sender(self, message: usize) -> usize {
        message % self.users()
    }

    /// The other one of the pair, or the next member.
    pub(crate) fn partner(self, user: usize) -> usize {
        match self {
            Self::Pairs(_) => user ^ 1,
            Self::Group(_) => (user + 1) % self.users(),
        }
    }
}

/// What all clients of a run write down.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) schedule: Schedule,
    pub(crate) audience: Audience,
    begin: OnceLock<Instant>,
    book: Mutex<Book>,
}

/// What has happened so far.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) ledger: Ledger,
    /// From due to a receiver, of measured messages.
    pub(crate) delivered: Latencies,
    /// From due to the sender's own copy.
    pub(crate) echoed: Latencies,
    /// From due to written: how late the load generator itself is.
    pub(crate) written: Latencies,
    /// As `delivered`, of the last second and unmeasured messages too.
    pub(crate) recent: Latencies,
    /// When the last measured message was delivered, since the beginning.
    pub(crate) last_delivery: Duration,
    /// When the last frame came, whatever it was.
    pub(crate) last_frame: Instant,
    pub(crate) users: Vec<User>,
}

/// What a user's client knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct User {
    /// Until when the server asked not to send.
    pub(crate) sends_paused: Option<Instant>,
    /// The last message of theirs that the server acknowledged: its number and id.
    pub(crate) last_own: Option<(usize, String)>,
}

impl Run {
    pub(crate) fn new(schedule: Schedule, audience: Audience) -> Self {
        let book = Book {
            ledger: Ledger::new(schedule.count(), audience.users(), audience.receivers()),
            delivered: Latencies::new(),
            echoed: Latencies::new(),
            written: Latencies::new(),
            recent: Latencies::new(),
            last_delivery: Duration::ZERO,
            last_frame: Instant::now(),
            users: vec![User::default(); audience.users()],
        };
        Self {
            id: RunId::random(),
            schedule,
            audience,
            begin: OnceLock::new(),
            book: Mutex::new(book),
        }
    }

    /// The moment at which the schedule begins; the first call decides it.
    pub(crate) fn begin(&self) -> Instant {
        *self.begin.get_or_init(Instant::now)
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message was written to its sender's socket.
    pub(crate) fn written(&self, message: usize) {
        if self.schedule.is_measured(message) {
            let late = self.since_due(message);
            self.book().written.record(late);
        }
    }

    /// A frame came to a user.
    pub(crate) fn frame(&self, user: usize, text: &str) {
        let frame = Frame::parse(text);
        let now = Instant::now();
        let mut book = self.book();
        book.last_frame = now;
        match frame {
            Frame::Message { id, content } => {
                if let Some(message) = self.message(&content) {
                    self.arrived(&mut book, user, message, &id);
                }
            }
            Frame::Refusal {
                code,
                client_id,
                retry_after,
            } => {
                book.ledger.refused(self.message(&client_id), &code);
                book.users[user].sends_paused = retry_after.map(|time| now + time);
            }
            Frame::Pong | Frame::Other => {}
        }
    }

    /// The number in a content or tag, where it is one of this run's.
    fn message(&self, text: &str) -> Option<usize> {
        self.id.message(text).filter(|message| *message < self.schedule.count())
    }

    fn arrived(&self, book: &mut Book, user: usize, message: usize, id: &str) {
        let latency = self.since_due(message);
        let measured = self.schedule.is_measured(message);
        match book.ledger.arrived(user, self.audience.sender(message), message) {
            Arrival::Echo => {
                if measured {
                    book.echoed.record(latency);
                }
                book.users[user].last_own = Some((message, id.to_owned()));
            }
            Arrival::Delivery => {
                book.recent.record(latency);
                if measured {
                    book.delivered.record(latency);
                    book.last_delivery = book.last_delivery.max(self.schedule.due(message) + latency);
                }
            }
            Arrival::Repeat => {}
        }
    }

    fn since_due(&self, message: usize) -> Duration {
        self.begin().elapsed().saturating_sub(self.schedule.due(message))
    }
}
