//! The checker finds each kind of broken history, and nothing in a sound one.

use super::*;
use crate::journal::{Changes, Look};
use crate::truth::{Conversation, Member, Message};

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

fn view(record: &mut Record) -> &mut crate::replica::View {
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

#[test]
fn an_acknowledged_message_that_is_not_there_is_lost() {
    let whole = truth();
    let mut truth = whole.clone();
    truth.messages.remove(&id(3));
    truth.conversations.get_mut(&CONVERSATION).unwrap().last_seq = 2;
    let is_lost = |violation: &Violation| matches!(violation, Violation::Lost { client_id, .. } if client_id == "c3");
    finds(&truth, ada(&whole), is_lost);
}

#[test]
fn an_acknowledged_message_that_stands_elsewhere_is_lost() {
    let whole = truth();
    let mut truth = whole.clone();
    truth.messages.get_mut(&id(3)).unwrap().seq = 4;
    finds(&truth, ada(&whole), |violation| {
        matches!(violation, Violation::Lost { .. })
    });
}

#[test]
fn a_message_that_is_stored_twice_is_doubled_acknowledged_or_not() {
    let mut truth = truth();
    truth.messages.get_mut(&id(3)).unwrap().content = "c2: hello".to_owned();
    let bob = record(BOB, &truth);
    let is_doubled =
        |violation: &Violation| matches!(violation, Violation::Doubled { client_id, count: 2 } if client_id == "c2");
    finds(&truth, bob, is_doubled);
}

#[test]
fn a_hole_between_messages_or_at_the_end_is_found() {
    for missing in [1, 2, 3] {
        let mut truth = truth();
        truth.messages.remove(&id(missing));
        let bob = record(BOB, &truth);
        let is_hole =
            |violation: &Violation| matches!(violation, Violation::Hole { expected, .. } if *expected == missing);
        finds(&truth, bob, is_hole);
    }
}

#[test]
fn two_messages_at_one_seq_or_version_are_found() {
    let mut truth = truth();
    let second = truth.messages.get_mut(&id(2)).unwrap();
    (second.seq, second.version) = (3, 3);
    let bob = record(BOB, &truth);
    finds(&truth, bob.clone(), |violation| {
        matches!(violation, Violation::Hole { .. })
    });
    let is_taken_twice = |violation: &Violation| matches!(violation, Violation::VersionTakenTwice { version: 3, .. });
    finds(&truth, bob, is_taken_twice);
}

#[test]
fn a_message_that_a_device_lacks_is_missing() {
    let truth = truth();
    let mut bob = record(BOB, &truth);
    view(&mut bob).messages.remove(&id(2));
    finds(&truth, bob, |violation| {
        matches!(violation, Violation::Missing { seq: 2, .. })
    });
    let nothing = Record {
        user: BOB,
        ..Record::default()
    };
    assert_eq!(check(&truth, &[nothing]).len(), 3);
}

#[test]
fn another_content_version_or_a_missed_deletion_differs() {
    let old = truth();
    for change in [
        |message: &mut Message| message.content = "c2: edited".to_owned(),
        |message: &mut Message| message.version = 4,
        |message: &mut Message| message.deleted = true,
    ] {
        let mut truth = old.clone();
        change(truth.messages.get_mut(&id(2)).unwrap());
        let is_it =
            |violation: &Violation| matches!(violation, Violation::Differs { id: found, .. } if *found == id(2));
        finds(&truth, record(BOB, &old), is_it);
    }
}

#[test]
fn a_message_that_was_told_and_is_not_there_is_a_phantom() {
    let whole = truth();
    let mut truth = whole.clone();
    truth.messages.remove(&id(3));
    truth.conversations.get_mut(&CONVERSATION).unwrap().last_seq = 2;
    finds(&truth, record(BOB, &whole), |violation| {
        matches!(violation, Violation::Phantom { .. })
    });
}

#[test]
fn what_was_said_before_between_or_after_ones_times_in_a_conversation_is_foreign() {
    let mut truth = truth();
    for (periods, foreign) in [
        (vec![(1, None)], 1),
        (vec![(0, Some(2))], 3),
        (vec![(0, Some(1)), (2, None)], 2),
    ] {
        truth.members.insert((CONVERSATION, BOB), member(&periods));
        let is_foreign = |violation: &Violation| matches!(violation, Violation::Foreign { seq, .. } if *seq == foreign);
        finds(&truth, record(BOB, &truth), is_foreign);
    }
    truth.members.remove(&(CONVERSATION, BOB));
    let violations = check(&truth, &[record(BOB, &truth)]);
    assert_eq!(violations.len(), 3, "to a stranger everything is: {violations:?}");
}

#[test]
fn what_changed_after_a_removal_need_not_be_known() {
    let old = truth();
    let mut truth = old.clone();
    truth.members.insert((CONVERSATION, BOB), member(&[(0, Some(3))]));
    truth.messages.get_mut(&id(2)).unwrap().version = 5;
    truth.messages.get_mut(&id(2)).unwrap().deleted = true;
    assert_eq!(check(&truth, &[record(BOB, &old)]), []);
}

#[test]
fn a_watermark_below_what_was_told_went_back() {
    let mut truth = truth();
    let mut bob = record(BOB, &truth);
    view(&mut bob).read.insert(ADA, 2);
    truth.members.get_mut(&(CONVERSATION, ADA)).unwrap().read = 1;
    let went_back = |violation: &Violation| matches!(violation, Violation::WentBack { told: 2, found: 1, .. });
    finds(&truth, bob, went_back);

    let mut bob = record(BOB, &truth);
    bob.journal.looks.push(Look {
        conversation_id: CONVERSATION,
        user_id: ADA,
        what: "delivered",
        told: 2,
        found: 1,
    });
    finds(&truth, bob, went_back);
}

#[test]
fn a_watermark_that_a_member_was_not_told_differs() {
    let mut truth = truth();
    truth.members.get_mut(&(CONVERSATION, ADA)).unwrap().delivered = 3;
    let bob = record(BOB, &truth);
    finds(&truth, bob, |violation| {
        matches!(violation, Violation::StateDiffers { .. })
    });
}

#[test]
fn another_name_or_other_members_differ() {
    let mut truth = truth();
    truth.conversations.get_mut(&CONVERSATION).unwrap().name = Some("group".to_owned());
    let violations = check(&truth, &[record(BOB, &truth)]);
    assert_eq!(violations.len(), 2, "{violations:?}");
}

#[test]
fn an_acknowledged_change_that_is_not_there_is_lost() {
    let truth = truth();
    let mut ada = ada(&truth);
    let changes = Changes {
        edited: true,
        deleted: true,
    };
    ada.journal.changes.insert(id(1), changes);
    let violations = check(&truth, &[ada]);
    assert_eq!(violations.len(), 2, "{violations:?}");
}

#[test]
fn two_acknowledgements_that_differ_are_a_contradiction() {
    let truth = truth();
    let mut ada = ada(&truth);
    let elsewhere = Acknowledged {
        id: id(2),
        conversation_id: CONVERSATION,
        seq: 2,
    };
    ada.journal.acknowledge("c1", elsewhere);
    finds(&truth, ada, |violation| {
        matches!(violation, Violation::Contradiction { .. })
    });
}

#[test]
fn a_message_of_somebody_who_is_no_member_or_was_none_then_is_a_trespass() {
    let is_trespass = |violation: &Violation| matches!(violation, Violation::Trespass { seq: 3, .. });
    let mut truth = truth();
    truth.messages.get_mut(&id(3)).unwrap().sender_id = Uuid::from_u128(3);
    finds(&truth, record(BOB, &truth), is_trespass);
    let former = member(&[(0, Some(2))]);
    truth.members.insert((CONVERSATION, Uuid::from_u128(3)), former);
    finds(&truth, record(BOB, &truth), is_trespass);
}

#[test]
fn what_was_told_before_it_was_stored_was_told_too_early() {
    let truth = truth();
    let mut ada = ada(&truth);
    ada.journal.told_too_early.push((id(2), 2));
    finds(&truth, ada, |violation| {
        matches!(violation, Violation::ToldTooEarly { version: 2, .. })
    });
}
