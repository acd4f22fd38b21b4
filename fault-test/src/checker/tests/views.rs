//! Views that are not what the database has, or what their users may see.

use super::*;

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
