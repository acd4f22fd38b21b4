use super::*;

/// Two users: 0 sends, 1 receives.
fn pair(messages: usize) -> Ledger {
    Ledger::new(messages, 2, 1)
}

#[test]
fn what_arrives_at_both_once_is_complete() {
    let mut ledger = pair(1);
    assert!(ledger.is_complete());
    ledger.sent(0);
    assert_eq!(ledger.arrived(0, 0, 0), Arrival::Echo);
    assert!(!ledger.is_complete());
    assert_eq!(ledger.arrived(1, 0, 0), Arrival::Delivery);
    assert!(ledger.is_complete());
    let expected = Totals {
        sent: 1,
        echoed: 1,
        delivered: 1,
        ..Totals::default()
    };
    assert_eq!(ledger.totals(), expected);
}

#[test]
fn a_message_that_its_receiver_lacks_is_lost_though_it_was_acknowledged() {
    let mut ledger = pair(2);
    ledger.sent(0);
    ledger.sent(1);
    ledger.arrived(0, 0, 0);
    ledger.arrived(1, 0, 1);
    let totals = ledger.totals();
    assert_eq!((totals.lost, totals.echoed, totals.delivered), (1, 1, 1));
}

#[test]
fn a_repeat_is_counted_and_makes_up_for_no_other_message() {
    let mut ledger = pair(2);
    ledger.sent(0);
    ledger.sent(1);
    ledger.arrived(1, 0, 0);
    assert_eq!(ledger.arrived(1, 0, 0), Arrival::Repeat);
    let totals = ledger.totals();
    assert_eq!((totals.repeated, totals.lost, totals.delivered), (1, 1, 1));
}

#[test]
fn a_repeat_to_one_member_does_not_hide_what_another_lacks() {
    let mut ledger = Ledger::new(1, 4, 3);
    ledger.sent(0);
    ledger.arrived(1, 0, 0);
    ledger.arrived(2, 0, 0);
    ledger.arrived(2, 0, 0);
    let totals = ledger.totals();
    assert_eq!((totals.delivered, totals.repeated, totals.lost), (2, 1, 1));
}

#[test]
fn a_refused_message_is_not_lost() {
    let mut ledger = pair(3);
    for message in 0..3 {
        ledger.sent(message);
    }
    ledger.refused(Some(0), "rate_limited");
    ledger.refused(None, "rate_limited");
    ledger.arrived(0, 0, 2);
    ledger.arrived(1, 0, 2);
    assert!(ledger.is_complete());
    let totals = ledger.totals();
    assert_eq!((totals.refused, totals.lost), (2, 0));
    assert_eq!(totals.errors["rate_limited"], 2);
}

#[test]
fn a_message_that_could_not_be_written_is_neither_sent_nor_lost() {
    let mut ledger = pair(2);
    ledger.sent(0);
    ledger.not_sent(0, "closed");
    assert!(ledger.is_complete());
    let totals = ledger.totals();
    assert_eq!((totals.sent, totals.unsent, totals.lost), (0, 2, 0));
}
