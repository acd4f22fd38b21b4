use std::fmt;

use chrono::{DateTime, Utc};

use super::{ConversationId, Invalid};

/// A place in a user's list of conversations: when one was last active, in microseconds, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// When.
    pub time: DateTime<Utc>,
    /// Which.
    pub conversation_id: ConversationId,
}

impl Activity {
    /// Reads the cursor of a page's `Link`.
    ///
    /// # Errors
    /// [`Invalid`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::new("must be the cursor of a Link to the next page");
        let (time, id) = text.split_once('_').ok_or_else(invalid)?;
        let is_number = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
        let time = time.parse().ok().filter(|_| is_number);
        Ok(Self {
            time: time.and_then(DateTime::from_timestamp_micros).ok_or_else(invalid)?,
            conversation_id: ConversationId::parse(id).map_err(|_| invalid())?,
        })
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.time.timestamp_micros(), self.conversation_id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_as_it_was_written(micros in 0..253_402_300_799_000_000_i64) {
            let activity = Activity {
                time: DateTime::from_timestamp_micros(micros).unwrap(),
                conversation_id: ConversationId::generate(),
            };
            prop_assert_eq!(Activity::parse(&activity.to_string()), Ok(activity));
        }

        #[test]
        fn any_text_is_a_cursor_or_refused(text in "[0-9_a-f-]{0,60}") {
            let _ = Activity::parse(&text);
        }
    }
}
