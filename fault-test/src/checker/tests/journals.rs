//! What devices were told of their own doing, and is not so.

use super::*;
use crate::journal::{Changes, Look};

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
fn what_was_told_before_it_was_stored_was_told_too_early() {
    let truth = truth();
    let mut ada = ada(&truth);
    ada.journal.told_too_early.push((id(2), 2));
    finds(&truth, ada, |violation| {
        matches!(violation, Violation::ToldTooEarly { version: 2, .. })
    });
}
