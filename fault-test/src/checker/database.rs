//! What must hold of the database by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::Violation;
use crate::truth::{Message, Truth};

/// The numbers have no holes, no version was taken twice, nothing is stored twice, acknowledged or not, and only members wrote.
pub(super) fn check(truth: &Truth) -> Vec<Violation> {
    let mut violations = Vec::new();
    for conversation in truth.conversations.keys() {
        violations.extend(holes(truth, *conversation));
        violations.extend(versions_taken_twice(truth, *conversation));
    }
    violations.extend(doubles(truth));
    violations.extend(trespasses(truth));
    violations
}

fn holes(truth: &Truth, conversation: uuid::Uuid) -> Vec<Violation> {
    let mut seqs: Vec<i64> = truth
        .messages_of(conversation)
        .map(|(_, message)| message.seq)
        .collect();
    seqs.sort_unstable();
    // One past the last stands where nothing should be: this way a missing end is a hole, too.
    let end = truth.conversations[&conversation].last_seq + 1;
    let found = seqs.into_iter().chain([end]);
    let hole = (1..).zip(found).find(|(expected, found)| expected != found);
    let violation = |(expected, found)| Violation::Hole {
        conversation,
        expected,
        found,
    };
    hole.map(violation).into_iter().collect()
}

fn versions_taken_twice(truth: &Truth, conversation: uuid::Uuid) -> Vec<Violation> {
    let mut taken = BTreeSet::new();
    let versions = truth.messages_of(conversation).map(|(_, message)| message.version);
    versions
        .filter(|version| !taken.insert(*version))
        .map(|version| Violation::VersionTakenTwice { conversation, version })
        .collect()
}

/// Each content begins with the `client_id` under which it was sent.
fn doubles(truth: &Truth) -> Vec<Violation> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for message in truth.messages.values() {
        if let Some((client_id, _)) = message.content.split_once(':') {
            *counts.entry(client_id).or_default() += 1;
        }
    }
    let doubled = counts.into_iter().filter(|(_, count)| *count > 1);
    doubled
        .map(|(client_id, count)| Violation::Doubled {
            client_id: client_id.to_owned(),
            count,
        })
        .collect()
}

fn trespasses(truth: &Truth) -> Vec<Violation> {
    let may_write = |message: &Message| {
        let member = truth.members.get(&(message.conversation_id, message.sender_id));
        member.is_some_and(|member| member.takes_part_at(message.seq))
    };
    let messages = truth.messages.values();
    let trespasses = messages.filter(|message| !may_write(message));
    trespasses
        .map(|message| Violation::Trespass {
            sender: message.sender_id,
            conversation: message.conversation_id,
            seq: message.seq,
        })
        .collect()
}
