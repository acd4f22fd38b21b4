//! Paging back through a direct conversation.

use crate::Error;
use crate::db::history::{Chat, Entry};
use crate::db::{self, Database};
use crate::domain::{Before, ConversationId, PageSize, UserId};

/// A page of history, newest first.
#[derive(Debug)]
pub struct Page {
    /// The messages.
    pub entries: Vec<Entry>,
    /// Whether older ones follow.
    pub has_more: bool,
}

/// A page of what two users wrote to each other.
///
/// # Errors
/// [`Error::UnknownUser`], [`Error::Invalid`] for a cursor that is no message of this conversation, or what the database says.
pub async fn page(
    db: &Database,
    user: UserId,
    other: UserId,
    size: PageSize,
    before: Option<Before>,
) -> Result<Page, Error> {
    let conversation = match db::history::find_chat(db, user, other).await? {
        Chat::UnknownUser => return Err(Error::UnknownUser),
        Chat::Conversation(conversation) => Some(conversation),
        Chat::Empty => None,
    };
    let Some(conversation) = conversation else {
        return match before {
            Some(Before::Message(_)) => Err(foreign_cursor()),
            _ => Ok(Page {
                entries: Vec::new(),
                has_more: false,
            }),
        };
    };
    let seq = cursor_seq(db, conversation, before).await?;
    // One more than the page holds tells whether another follows.
    let rows = i64::try_from(size.rows()).unwrap_or(i64::MAX) + 1;
    let mut entries = db::history::list(db, conversation, seq, rows).await?;
    let has_more = entries.len() > size.rows();
    entries.truncate(size.rows());
    Ok(Page { entries, has_more })
}

/// The `seq` below which the page starts.
async fn cursor_seq(db: &Database, conversation: ConversationId, before: Option<Before>) -> Result<i64, Error> {
    match before {
        None => Ok(i64::MAX),
        Some(Before::Time(time)) => Ok(db::history::first_seq_at(db, conversation, time).await?),
        Some(Before::Message(message)) => db::history::find_seq(db, conversation, message)
            .await?
            .ok_or_else(foreign_cursor),
    }
}

fn foreign_cursor() -> Error {
    Error::field(
        "before",
        "must be the id of a message of this conversation, or Unix seconds",
    )
}
