//! The checker finds each kind of broken history, and nothing in a sound one.

mod database;
mod journals;
mod views;

use uuid::Uuid;

use super::{Violation, check};
use crate::device::Record;
use crate::journal::Acknowledged;
use crate::replica::{Seen, View};
use crate::truth::{Conversation, Member, Message, Truth};

const CONVERSATION: Uuid = Uuid::from_u128(100);
const ADA: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);

fn id(seq: i64) -> Uuid {
    Uuid::from_u128(1_000 + u128::try_from(seq).unwrap())
}

fn member(periods: &[(i64, Option<i64>)]) -> Member {
    let (joined_seq, left_seq) = *periods.last().unwrap();
    Member {
        role: "member".to_owned(),
        joined_seq,
        left_seq,
        left_version: left_seq,
        read: joined_seq,
        delivered: joined_seq,
        periods: periods.to_vec(),
    }
}

/// Three messages of Ada to Bob.
fn truth() -> Truth {
    let conversation = Conversation {
        last_seq: 3,
        version: 3,
        name: None,
    };
    let message = |seq: i64| Message {
        conversation_id: CONVERSATION,
        sender_id: ADA,
        seq,
        version: seq,
        content: format!("c{seq}: hello"),
        ..Message::default()
    };
    Truth {
        conversations: [(CONVERSATION, conversation)].into(),
        messages: (1..=3).map(|seq| (id(seq), message(seq))).collect(),
        members: [ADA, BOB]
            .map(|user| ((CONVERSATION, user), member(&[(0, None)])))
            .into(),
    }
}

/// Somebody who knows all of it.
fn record(user: Uuid, truth: &Truth) -> Record {
    let mut record = Record {
        label: "device".to_owned(),
        user,
        ..Record::default()
    };
    let view = record.replica.conversations.entry(CONVERSATION).or_default();
    for (id, message) in &truth.messages {
        let seen = Seen {
            seq: message.seq,
            version: message.version,
            content: (!message.deleted).then(|| message.content.clone()),
        };
        view.messages.insert(*id, seen);
    }
    record
}

/// Ada, who has her three messages acknowledged.
fn ada(truth: &Truth) -> Record {
    let mut ada = record(ADA, truth);
    for seq in 1..=3 {
        let acknowledged = Acknowledged {
            id: id(seq),
            conversation_id: CONVERSATION,
            seq,
        };
        ada.journal.acknowledge(&format!("c{seq}"), acknowledged);
    }
    ada
}

fn view(record: &mut Record) -> &mut View {
    record.replica.conversations.get_mut(&CONVERSATION).unwrap()
}

#[track_caller]
fn finds(truth: &Truth, record: Record, is_expected: impl Fn(&Violation) -> bool) {
    let violations = check(truth, &[record]);
    assert!(violations.iter().any(is_expected), "{violations:?}");
}

#[test]
fn a_sound_history_has_no_violations() {
    let truth = truth();
    assert_eq!(check(&truth, &[ada(&truth), record(BOB, &truth)]), []);
}
