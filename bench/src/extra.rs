//! What users do beside sending: they read history, edit, and reconnect.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::client::Setting;
use crate::latency::Latencies;
use crate::report::Figure;
use crate::rest::Rest;

/// For how many messages something else is done once.
const EVERY: usize = 10;

/// One of these things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extra {
    History,
    Edit,
    Reconnect,
}

impl Extra {
    /// What is due with a message, and for which of so many users: of eight, five pages of history, two edits and a reconnect. Everyone's
    /// turn comes with each of them.
    pub(crate) fn with(message: usize, users: usize) -> Option<(Self, usize)> {
        if !message.is_multiple_of(EVERY) {
            return None;
        }
        let number = message / EVERY;
        let extra = match (number + number / users) % 8 {
            0..=4 => Self::History,
            5 | 6 => Self::Edit,
            _ => Self::Reconnect,
        };
        Some((extra, number % users))
    }

    fn name(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Edit => "edit",
            Self::Reconnect => "reconnect",
        }
    }
}

/// How these things go.
#[derive(Debug)]
pub(crate) struct Extras {
    rest: Rest,
    latencies: Mutex<BTreeMap<Extra, Latencies>>,
    /// Until when the server asked to be left alone, for each user.
    paused: Mutex<Vec<Option<Instant>>>,
}

impl Extras {
    pub(crate) fn new(rest: Rest, users: usize) -> Self {
        Self {
            rest,
            latencies: Mutex::default(),
            paused: Mutex::new(vec![None; users]),
        }
    }

    /// Begins a call that was due at that moment; its client goes on meanwhile.
    pub(crate) fn start(&self, setting: &Arc<Setting>, user: usize, extra: Extra, due: Instant) {
        let paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner)[user];
        if paused.is_some_and(|until| Instant::now() < until) {
            return setting.run.book().ledger.failed("held_back");
        }
        let setting = Arc::clone(setting);
        tokio::spawn(async move { setting.extras.call(&setting, user, extra, due).await });
    }

    /// Writes down how long it took.
    pub(crate) fn record(&self, extra: Extra, latency: Duration) {
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        latencies.entry(extra).or_insert_with(Latencies::new).record(latency);
    }

    /// How often each was done, and how long that took.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        let figures = latencies
            .iter()
            .map(|(extra, latencies)| latencies.counted_figures(extra.name()));
        figures.flatten().collect()
    }

    async fn call(&self, setting: &Setting, user: usize, extra: Extra, due: Instant) {
        let Some((method, path, body)) = request(setting, user, extra) else {
            return;
        };
        let token = &setting.accounts[user].token;
        match self.rest.call(method, &path, Some(token), body.as_ref()).await {
            Ok(_) => self.record(extra, due.elapsed()),
            Err(error) => {
                setting
                    .run
                    .book()
                    .ledger
                    .failed(&format!("{} {}", extra.name(), error.code()));
                let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
                paused[user] = error.wait().map(|time| Instant::now() + time);
            }
        }
    }
}

/// `None` where there is nothing to call: somebody who has written nothing edits nothing.
fn request(setting: &Setting, user: usize, extra: Extra) -> Option<(Method, String, Option<serde_json::Value>)> {
    match extra {
        Extra::History => {
            let partner = &setting.accounts[setting.run.audience.partner(user)].id;
            Some((Method::GET, format!("/chats/{partner}?limit=20"), None))
        }
        Extra::Edit => {
            let (message, id) = setting.run.book().users[user].last_own.clone()?;
            // Still recognised, should it be pushed to somebody who lacks it.
            let content = format!("{}!", setting.run.id.content(message, setting.bytes));
            Some((
                Method::PATCH,
                format!("/messages/{id}"),
                Some(json!({ "content": content })),
            ))
        }
        Extra::Reconnect => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_user_does_each_of_them_in_time() {
        for users in [2, 8, 200] {
            let all: BTreeSet<_> = (0..users * 80 * EVERY)
                .filter_map(|message| Extra::with(message, users))
                .collect();
            assert_eq!(all.len(), users * 3, "{users}");
        }
    }

    #[test]
    fn one_in_ten_messages_brings_something_else() {
        let count = (0..8000).filter_map(|message| Extra::with(message, 200)).count();
        assert_eq!(count, 800);
    }
}
