//! What a message carries so that it is recognised wherever it arrives, by a server that gives back the content and nothing else.

use std::fmt;

/// The shortest message that has room for its number, in bytes.
pub(crate) const SHORTEST: usize = 20;

/// One run of the load generator: messages of earlier runs, pushed late, aren't this one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunId(u32);

impl RunId {
    pub(crate) fn random() -> Self {
        Self(rand::random())
    }

    /// A message's number as text: its `client_id` and the beginning of its content.
    pub(crate) fn tag(self, message: usize) -> String {
        format!("{self}-{message}")
    }

    /// A message's content, of so many bytes.
    pub(crate) fn content(self, message: usize, bytes: usize) -> String {
        let mut content = self.tag(message);
        content.push(' ');
        while content.len() < bytes {
            content.push('.');
        }
        content
    }

    /// The number in a content or tag; `None` for what is not of this run.
    pub(crate) fn message(self, text: &str) -> Option<usize> {
        let (run, rest) = text.split_at_checked(8)?;
        if u32::from_str_radix(run, 16) != Ok(self.0) {
            return None;
        }
        rest.strip_prefix('-')?.split(' ').next()?.parse().ok()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_in_the_content_and_in_the_tag() {
        let run = RunId(0x00c0_ffee);
        assert_eq!(run.message(&run.content(7_654_321, 64)), Some(7_654_321));
        assert_eq!(run.message(&run.tag(3)), Some(3));
    }

    #[test]
    fn a_content_has_the_bytes_asked_for() {
        for bytes in [SHORTEST, 64, 4096] {
            assert_eq!(RunId(1).content(1_234_567_890, bytes).len(), bytes);
        }
    }

    #[test]
    fn what_others_write_is_not_of_this_run() {
        for text in ["", "Hello", "00000002-17 ..", "00000001", "00000001-x", "ééééééééé"] {
            assert_eq!(RunId(1).message(text), None, "{text}");
        }
    }
}
