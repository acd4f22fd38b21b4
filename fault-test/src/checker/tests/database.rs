//! What is wrong with the database by itself.

use super::*;

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
fn a_message_of_somebody_who_is_no_member_or_was_none_then_is_a_trespass() {
    let is_trespass = |violation: &Violation| matches!(violation, Violation::Trespass { seq: 3, .. });
    let mut truth = truth();
    truth.messages.get_mut(&id(3)).unwrap().sender_id = Uuid::from_u128(3);
    finds(&truth, record(BOB, &truth), is_trespass);
    let former = member(&[(0, Some(2))]);
    truth.members.insert((CONVERSATION, Uuid::from_u128(3)), former);
    finds(&truth, record(BOB, &truth), is_trespass);
}
