//! How header names are spelt, which [`http::HeaderMap`] does not keep and the events of a WebSocket API tell.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::HeaderName;

/// What ends the head of a request.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// The headers that API Gateway may set itself, as captures of its events have them.
const GATEWAY_HEADERS: [&str; 7] = [
    "Host",
    "X-Amzn-Trace-Id",
    "x-api-key",
    "X-Forwarded-For",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "x-restapi",
];

/// The head of the first request on a connection, once it has arrived.
///
/// A client's handshake is nearly always the first request of its connection. What comes later on the same connection is
/// from the same client or proxy, which spells a name alike each time.
#[derive(Debug, Clone, Default)]
pub(super) struct FirstHead(Arc<OnceLock<Bytes>>);

impl FirstHead {
    /// What must see all that is read from the connection. A head over `limit` bytes is not kept.
    pub(super) fn recorder(&self, limit: usize) -> impl FnMut(&[u8]) + Send + 'static {
        // Both are let go at the end of the head: whoever reads the connection has this for as long as it lasts, and a head holds a token.
        let mut begun = Some((self.0.clone(), Vec::new()));
        move |bytes| {
            let Some((head, seen)) = &mut begun else { return };
            // The end may lie across two reads.
            let from = seen.len().saturating_sub(HEAD_END.len() - 1);
            seen.extend_from_slice(bytes);
            if let Some(end) = seen[from..].windows(HEAD_END.len()).position(|part| part == HEAD_END) {
                seen.truncate(from + end);
                // Nothing else sets it.
                let _ = head.set(std::mem::take(seen).into());
            } else if seen.len() <= limit {
                return;
            }
            begun = None;
        }
    }

    /// The spelling of the names in this head, which is looked into only when it is asked for.
    pub(super) fn spelling(&self) -> Spelling {
        Spelling(self.0.get().cloned().unwrap_or_default())
    }
}

/// The head of a request in which names stand as the client spelt them. The default is one without headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spelling(Bytes);

impl Spelling {
    /// Names by their lower-case form.
    pub(super) fn names(&self) -> Names<'_> {
        let fields = self.0.split(|byte| *byte == b'\n').skip(1);
        let spelt = fields
            .filter_map(|field| field.split(|byte| *byte == b':').next())
            .filter_map(|name| std::str::from_utf8(name).ok());
        // What the client spelt itself comes last and wins.
        let names = GATEWAY_HEADERS.into_iter().chain(spelt);
        Names(names.map(|name| (name.to_ascii_lowercase(), name)).collect())
    }
}

/// Header names by their lower-case form.
pub(super) struct Names<'s>(HashMap<String, &'s str>);

impl Names<'_> {
    /// How a name is spelt: as the client does, else as the gateway does, else in lower case.
    pub(super) fn spelt(&self, name: &HeaderName) -> String {
        self.0
            .get(name.as_str())
            .map_or(name.as_str(), |spelt| *spelt)
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use http::header::{HOST, USER_AGENT};

    use super::*;

    const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    const X_MINE: HeaderName = HeaderName::from_static("x-mine");

    fn spelling_of(reads: &[&str], limit: usize) -> Spelling {
        let head = FirstHead::default();
        let mut record = head.recorder(limit);
        for read in reads {
            record(read.as_bytes());
        }
        head.spelling()
    }

    #[test]
    fn names_are_spelt_as_in_the_first_head_wherever_reads_end() {
        let whole =
            "GET /ws HTTP/1.1\r\nhost: a\r\nUSER-agent: b\r\nX-mine: c: d\r\n\r\nGET / HTTP/1.1\r\nx-MINE: e\r\n\r\n";
        for split in 0..whole.len() {
            let (first, second) = whole.split_at(split);
            let spelling = spelling_of(&[first, second], 1000);
            let names = spelling.names();
            assert_eq!(names.spelt(&X_MINE), "X-mine", "{split}");
            assert_eq!(names.spelt(&USER_AGENT), "USER-agent", "{split}");
            assert_eq!(names.spelt(&HOST), "host", "{split}");
            assert_eq!(names.spelt(&X_FORWARDED_FOR), "X-Forwarded-For", "the gateway's own");
        }
    }

    #[test]
    fn a_name_that_was_not_recorded_is_in_lower_case() {
        let head = format!("GET / HTTP/1.1\r\nX-Mine: {}\r\n\r\n", "x".repeat(100));
        assert_eq!(
            spelling_of(&[&head[..80], &head[80..]], 50).names().spelt(&X_MINE),
            "x-mine"
        );
        assert_eq!(Spelling::default().names().spelt(&X_MINE), "x-mine");
    }

    #[test]
    fn the_recorder_keeps_no_head_that_is_read_or_over_the_limit() {
        for read in ["GET / HTTP/1.1\r\n\r\n", "GET /?token=without-an-end HTTP/1.1\r\n"] {
            let head = FirstHead::default();
            let kept = Arc::downgrade(&head.0);
            let mut record = head.recorder(20);
            record(read.as_bytes());
            drop(head);
            assert_eq!(kept.strong_count(), 0, "{read}");
            record(b"a frame");
        }
    }
}
