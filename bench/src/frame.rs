//! Frames, written as the contract has them and read leniently.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A message as a client sends it.
#[derive(Debug, Serialize)]
pub(crate) struct Send<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<&'a str>,
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
}

/// To whom a message goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Address<'a> {
    User(&'a str),
    Conversation(&'a str),
}

impl<'a> Send<'a> {
    pub(crate) fn new(address: Address<'a>, content: &'a str, client_id: Option<&'a str>) -> Self {
        let (kind, to, conversation_id) = match address {
            Address::User(id) => ("direct_message", Some(id), None),
            Address::Conversation(id) => ("message", None, Some(id)),
        };
        Self {
            kind,
            to,
            conversation_id,
            content,
            client_id,
        }
    }

    pub(crate) fn text(&self) -> String {
        // A struct of strings always has a text.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A frame that arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A message, new or stored before.
    Message { id: Cow<'a, str>, content: Cow<'a, str> },
    /// The server doesn't take what was sent.
    Refusal {
        code: Cow<'a, str>,
        client_id: Cow<'a, str>,
        retry_after: Option<Duration>,
    },
    /// The answer to a ping.
    Pong,
    /// What isn't measured.
    Other,
}

/// The members that matter, in any frame.
#[derive(Debug, Deserialize)]
struct Members<'a> {
    #[serde(rename = "type", default, borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    id: Cow<'a, str>,
    #[serde(default, borrow)]
    content: Cow<'a, str>,
    #[serde(default, borrow)]
    code: Cow<'a, str>,
    #[serde(default, borrow)]
    client_id: Cow<'a, str>,
    retry_after_ms: Option<u64>,
}

impl<'a> Frame<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let Ok(members) = serde_json::from_str::<Members<'a>>(text) else {
            return Self::Other;
        };
        match members.kind.as_ref() {
            "direct_message" | "message" => Self::Message {
                id: members.id,
                content: members.content,
            },
            "error" => Self::Refusal {
                code: or(members.code, "error"),
                client_id: members.client_id,
                retry_after: members.retry_after_ms.map(Duration::from_millis),
            },
            // What the gateway itself answers has no type.
            "" => Self::Refusal {
                code: "unavailable".into(),
                client_id: members.client_id,
                retry_after: None,
            },
            "pong" => Self::Pong,
            _ => Self::Other,
        }
    }
}

fn or<'a>(text: Cow<'a, str>, default: &'static str) -> Cow<'a, str> {
    if text.is_empty() { default.into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_has_what_it_needs_and_no_more() {
        assert_eq!(
            Send::new(Address::User("u"), "Hi", None).text(),
            r#"{"type":"direct_message","to":"u","content":"Hi"}"#
        );
        assert_eq!(
            Send::new(Address::Conversation("c"), "Hi", Some("1")).text(),
            r#"{"type":"message","conversation_id":"c","content":"Hi","client_id":"1"}"#
        );
    }

    #[test]
    fn a_message_is_read_whatever_else_it_has_or_lacks() {
        for frame in [
            r#"{"type":"direct_message","id":"m","content":"a\"b","seq":4,"from":{"new":[1]}}"#,
            r#"{"content":"a\"b","id":"m","type":"message"}"#,
        ] {
            let expected = Frame::Message {
                id: "m".into(),
                content: "a\"b".into(),
            };
            assert_eq!(Frame::parse(frame), expected, "{frame}");
        }
    }

    #[test]
    fn refusals_are_read_as_what_they_are() {
        let limited = r#"{"type":"error","code":"rate_limited","message":"…","client_id":"x","retry_after_ms":90}"#;
        let refusal = |code: &'static str, client_id: &'static str, milliseconds: Option<u64>| Frame::Refusal {
            code: code.into(),
            client_id: client_id.into(),
            retry_after: milliseconds.map(Duration::from_millis),
        };
        assert_eq!(Frame::parse(limited), refusal("rate_limited", "x", Some(90)));
        assert_eq!(
            Frame::parse(r#"{"type":"error","message":"no"}"#),
            refusal("error", "", None)
        );
        let gateway = r#"{"message":"Internal server error","connectionId":"c","requestId":"r"}"#;
        assert_eq!(Frame::parse(gateway), refusal("unavailable", "", None));
    }

    #[test]
    fn other_frames_are_let_pass() {
        for frame in [
            r#"{"type":"sync_complete","has_more":false}"#,
            "[]",
            "",
            r#"{"type":"message_edited","content":"x"}"#,
        ] {
            assert_eq!(Frame::parse(frame), Frame::Other, "{frame}");
        }
    }
}
