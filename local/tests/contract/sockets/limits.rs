//! What the gateway takes: text, 32 KB a frame, 128 KB a message.

use bytes::Bytes;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::expect_open;
use crate::support::{Socket, TestServer, close_code};

const FRAME: usize = 32 * 1024;
const MESSAGE: usize = 128 * 1024;

/// A ping of this many bytes.
fn ping_of(size: usize) -> String {
    let bare = r#"{"type":"ping","padding":""}"#;
    bare.replace(r#""""#, &format!("\"{}\"", "x".repeat(size - bare.len())))
}

/// Sends a text in frames of at most `size` bytes.
async fn send_in_frames(socket: &mut Socket, text: &str, size: usize) {
    let parts: Vec<_> = text.as_bytes().chunks(size).collect();
    for (index, part) in parts.iter().enumerate() {
        let data = if index == 0 { Data::Text } else { Data::Continue };
        let is_last = index + 1 == parts.len();
        let frame = Frame::message(Bytes::copy_from_slice(part), OpCode::Data(data), is_last);
        socket.send_message(Message::Frame(frame)).await;
    }
}

#[tokio::test]
async fn a_frame_of_32_kb_is_taken_and_one_byte_more_closes_with_1009() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let (mut socket, other) = (server.connect(&alice).await, server.connect(&alice).await);
    socket.send_text(&ping_of(FRAME)).await;
    assert_eq!(socket.next().await, json!({"type": "pong"}));
    socket.send_text(&ping_of(FRAME + 1)).await;
    assert_eq!(close_code(&mut socket).await, Some(1009));
    expect_open(&mut [other]).await;
}

#[tokio::test]
async fn a_message_of_128_kb_in_frames_is_taken_and_one_byte_more_closes_with_1009() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let (mut socket, other) = (server.connect(&alice).await, server.connect(&alice).await);
    send_in_frames(&mut socket, &ping_of(MESSAGE), FRAME).await;
    assert_eq!(socket.next().await, json!({"type": "pong"}));
    send_in_frames(&mut socket, &ping_of(MESSAGE + 1), FRAME).await;
    assert_eq!(close_code(&mut socket).await, Some(1009));
    expect_open(&mut [other]).await;
}

#[tokio::test]
async fn a_message_may_come_in_many_frames() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (mut from, mut to) = (server.connect(&alice).await, server.connect(&bob).await);
    // Each character takes 12 bytes as escapes: within the limit of the contract, but over that of one frame.
    let content = "😀".repeat(4096);
    let escaped = r"\ud83d\ude00".repeat(4096);
    let text = format!(r#"{{"type":"direct_message","to":"{}","content":"{escaped}"}}"#, bob.id);
    assert!(text.len() > FRAME);
    send_in_frames(&mut from, &text, 1000).await;
    assert_eq!(from.next().await["content"], content);
    assert_eq!(to.next().await["content"], content);

    // Frames end where they like: within a character, too.
    let text = json!({"type": "direct_message", "to": bob.id, "content": "é😀語"}).to_string();
    send_in_frames(&mut from, &text, 1).await;
    assert_eq!(from.next().await["content"], "é😀語");
    assert_eq!(to.next().await["content"], "é😀語");
}

#[tokio::test]
async fn a_binary_message_closes_with_1003_whatever_it_holds() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut others = [server.connect(&alice).await, server.connect(&bob).await];
    let message = json!({"type": "direct_message", "to": bob.id, "content": "x"}).to_string();
    for bytes in [Vec::new(), vec![0], message.into_bytes()] {
        let mut socket = server.connect(&alice).await;
        socket.send_message(Message::binary(bytes)).await;
        assert_eq!(close_code(&mut socket).await, Some(1003));
    }
    expect_open(&mut others).await;
}
