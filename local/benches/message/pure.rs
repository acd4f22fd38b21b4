//! What needs neither a database nor a socket.

use std::sync::Arc;

use chrono::DateTime;
use divan::{Bencher, black_box};
use shared::SystemClock;
use shared::crypto::{JwtSecret, Tokens};
use shared::domain::{ClientId, ConversationId, Message, MessageId, UserId};
use shared::frames;
use shared::ws::Incoming;

/// As a client sends it, with 64 bytes of content.
const FRAME: &str = r#"{"type":"direct_message","to":"0198c0de-0000-7000-8000-00000000000a","content":"0123456789012345678901234567890123456789012345678901234567890123","client_id":"c0ffee-123"}"#;

#[divan::bench]
fn a_frame_is_read(bencher: Bencher<'_, '_>) {
    assert!(Incoming::parse(FRAME).frame.is_ok());
    bencher.bench(|| Incoming::parse(black_box(FRAME)));
}

#[divan::bench]
fn a_frame_is_written(bencher: Bencher<'_, '_>) {
    let message = Message {
        id: MessageId::generate(),
        conversation_id: ConversationId::generate(),
        seq: 42,
        version: 57,
        sender_id: UserId::generate(),
        receiver_id: Some(UserId::generate()),
        content: "0123456789".repeat(6),
        reply_to: None,
        created_at: DateTime::UNIX_EPOCH,
        edited_at: None,
        deleted: false,
    };
    let client_id = ClientId::parse("c0ffee-123").unwrap();
    bencher.bench(|| frames::message(black_box(&message), "johndoe", Some(&client_id)));
}

#[divan::bench]
fn a_token_is_checked(bencher: Bencher<'_, '_>) {
    let secret = JwtSecret::parse(&"0123456789".repeat(4)).unwrap();
    let tokens = Tokens::new(&secret, Arc::new(SystemClock));
    let token = tokens.issue(UserId::generate()).unwrap();
    assert!(tokens.verify(&token).is_ok());
    bencher.bench(|| tokens.verify(black_box(&token)));
}
