//! What devices were told of their own doing.

use super::Violation;
use crate::device::Record;
use crate::truth::Truth;

/// Everything that was acknowledged is there, and no watermark went back.
pub(super) fn check(truth: &Truth, record: &Record) -> Vec<Violation> {
    let contradictions = record
        .journal
        .contradictions
        .iter()
        .map(|what| Violation::Contradiction {
            device: record.label.clone(),
            what: what.clone(),
        });
    let mut violations: Vec<_> = contradictions.collect();
    violations.extend(lost_messages(truth, record));
    violations.extend(lost_changes(truth, record));
    violations.extend(marks_that_went_back(record));
    violations.extend(told_too_early(record));
    violations
}

fn lost_messages(truth: &Truth, record: &Record) -> Vec<Violation> {
    let is_lost = |client_id: &str, place: crate::journal::Acknowledged| {
        truth.messages.get(&place.id).is_none_or(|message| {
            (message.conversation_id, message.seq) != (place.conversation_id, place.seq)
                || message
                    .content
                    .split_once(':')
                    .is_none_or(|(name, _)| name != client_id)
        })
    };
    let lost = record
        .journal
        .acknowledged()
        .filter(|(client_id, place)| is_lost(client_id, *place));
    lost.map(|(client_id, acknowledged)| Violation::Lost {
        device: record.label.clone(),
        client_id: client_id.clone(),
        acknowledged,
    })
    .collect()
}

fn lost_changes(truth: &Truth, record: &Record) -> Vec<Violation> {
    let mut lost = Vec::new();
    for (id, changes) in &record.journal.changes {
        let message = truth.messages.get(id);
        let is_edited = message.is_some_and(|message| message.edited);
        let is_deleted = message.is_some_and(|message| message.deleted);
        for (what, was_told, is_so) in [
            ("edited", changes.edited, is_edited),
            ("deleted", changes.deleted, is_deleted),
        ] {
            if was_told && !is_so {
                lost.push(Violation::LostChange {
                    device: record.label.clone(),
                    what,
                    id: *id,
                });
            }
        }
    }
    lost
}

fn told_too_early(record: &Record) -> impl Iterator<Item = Violation> {
    let told = record.journal.told_too_early.iter();
    told.map(|(id, version)| Violation::ToldTooEarly {
        device: record.label.clone(),
        id: *id,
        version: *version,
    })
}

fn marks_that_went_back(record: &Record) -> Vec<Violation> {
    let looks = record.journal.looks.iter().filter(|look| look.found < look.told);
    looks
        .map(|look| Violation::WentBack {
            device: record.label.clone(),
            conversation: look.conversation_id,
            user: look.user_id,
            what: look.what,
            told: look.told,
            found: look.found,
        })
        .collect()
}
