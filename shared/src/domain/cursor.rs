use chrono::{DateTime, Utc};

use super::{Invalid, MessageId};

/// The end of the year 9999, in Unix seconds: what is beyond is a slip (milliseconds, most often), not a time.
const LATEST_SECOND: i64 = 253_402_300_799;

/// Where a page of history ends: it starts right before this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Messages stored before this second.
    Time(DateTime<Utc>),
    /// Messages before this one of the same conversation.
    Message(MessageId),
}

impl Before {
    /// Reads `before`: Unix seconds or the id of a message.
    ///
    /// # Errors
    /// [`Invalid`] for anything else, and for seconds after the year 9999.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if let Ok(id) = MessageId::parse(text) {
            return Ok(Self::Message(id));
        }
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Invalid::new("must be Unix seconds or the id of a message"));
        }
        text.parse()
            .ok()
            .filter(|seconds| *seconds <= LATEST_SECOND)
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .map(Self::Time)
            .ok_or_else(|| {
                Invalid::new(format!(
                    "must be at most {LATEST_SECOND}: it counts seconds, not milliseconds"
                ))
            })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_is_a_time_or_a_message() {
        let time = DateTime::from_timestamp(1_705_312_800, 0).unwrap();
        assert_eq!(Before::parse("1705312800"), Ok(Before::Time(time)));
        let id = MessageId::generate();
        assert_eq!(Before::parse(&id.to_string()), Ok(Before::Message(id)));
        assert!(Before::parse("253402300799").is_ok());
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "-1",
            "+1",
            "1.5",
            "1e9",
            " 1",
            "now",
            "253402300800",
            "1705312800000",
            "99999999999999999999",
        ] {
            assert!(Before::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_cursor_or_refused(text in any::<String>()) {
            let _ = Before::parse(&text);
        }
    }
}
