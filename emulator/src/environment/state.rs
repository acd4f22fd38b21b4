//! Who waits for what in an environment.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::Answer;

/// An invocation on its way to the runtime and the extensions.
#[derive(Debug, Clone)]
pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    /// When its time is up, in milliseconds since 1970.
    pub(super) deadline_ms: u128,
}

impl Invocation {
    #[expect(
        clippy::disallowed_methods,
        reason = "the Runtime API tells the deadline by the wall clock, and the function's process has no other"
    )]
    pub(super) fn new(request_id: &str, payload: Bytes, time_limit: Duration) -> Self {
        let deadline = SystemTime::now() + time_limit;
        Self {
            request_id: request_id.to_owned(),
            payload,
            deadline_ms: deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis(),
        }
    }
}

/// The runtime, or an extension.
#[derive(Debug, Default)]
pub(super) struct Party {
    /// Whether it has asked for what is next.
    waits: bool,
    /// What it will be told.
    next: Option<Invocation>,
    /// Whether invocations are nothing to it.
    is_indifferent: bool,
}

impl Party {
    fn begin(&mut self, invocation: &Invocation) {
        if !self.is_indifferent {
            self.waits = false;
            self.next = Some(invocation.clone());
        }
    }
}

/// Whose question it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asker {
    Runtime,
    Extension(String),
}

/// An environment between its process' questions and the invocations.
#[derive(Debug, Default)]
pub(super) struct State {
    runtime: Party,
    extensions: BTreeMap<String, Party>,
    /// The request id of the invocation that is not answered yet.
    unanswered: Option<String>,
    answer: Option<Answer>,
}

impl State {
    /// Whether the environment has nothing to do: everybody waits for what is next.
    pub(super) fn is_idle(&self) -> bool {
        self.runtime.waits && self.extensions.values().all(|extension| extension.waits)
    }

    pub(super) fn is_answered(&self) -> bool {
        self.answer.is_some()
    }

    /// An invocation begins.
    pub(super) fn begin(&mut self, invocation: &Invocation) {
        self.answer = None;
        self.unanswered = Some(invocation.request_id.clone());
        self.runtime.begin(invocation);
        self.extensions
            .values_mut()
            .for_each(|extension| extension.begin(invocation));
    }

    /// Takes the function's answer. Returns whether it was waited for.
    pub(super) fn answer(&mut self, request_id: &str, answer: Answer) -> bool {
        let is_expected = self.unanswered.as_deref() == Some(request_id);
        if is_expected {
            self.unanswered = None;
            self.answer = Some(answer);
        }
        is_expected
    }

    pub(super) fn take_answer(&mut self) -> Option<Answer> {
        self.answer.take()
    }

    /// Registers an extension, which has not asked for anything yet.
    pub(super) fn register(&mut self, id: &str, wants_invocations: bool) {
        let extension = Party {
            is_indifferent: !wants_invocations,
            ..Party::default()
        };
        self.extensions.insert(id.to_owned(), extension);
    }

    /// Notes a question. Returns whether the asker is known.
    pub(super) fn ask(&mut self, asker: &Asker) -> bool {
        let party = self.party(asker);
        party.map(|party| party.waits = true).is_some()
    }

    /// What the asker is told, once there is something.
    pub(super) fn take_next(&mut self, asker: &Asker) -> Option<Invocation> {
        self.party(asker)?.next.take()
    }

    fn party(&mut self, asker: &Asker) -> Option<&mut Party> {
        match asker {
            Asker::Runtime => Some(&mut self.runtime),
            Asker::Extension(id) => self.extensions.get_mut(id),
        }
    }
}
