//! The lists, as the product reads them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::ready;
use shared::db::Database;
use shared::domain::{Activity, Before, ConnectionId, ConversationId, NamePrefix, PageSize, UserId};
use shared::push::{Outcome, Push};
use shared::service::conversations::{self, Place};
use shared::service::{Afterwards, Delivery, accounts, history, sync};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::Failure;

/// A list of the product's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    LatestHistory,
    HistoryBeforeMessage,
    HistoryBeforeTime,
    LatestMessages,
    MessagesAfter,
    LatestChanges,
    ChangesAfter,
    FirstConversations,
    LaterConversations,
    Sync,
    Search,
}

impl List {
    pub(crate) const ALL: [Self; 11] = [
        Self::LatestHistory,
        Self::HistoryBeforeMessage,
        Self::HistoryBeforeTime,
        Self::LatestMessages,
        Self::MessagesAfter,
        Self::LatestChanges,
        Self::ChangesAfter,
        Self::FirstConversations,
        Self::LaterConversations,
        Self::Sync,
        Self::Search,
    ];
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::LatestHistory => "history, the latest page",
            Self::HistoryBeforeMessage => "history, before a message in the middle",
            Self::HistoryBeforeTime => "history, before a time in the middle",
            Self::LatestMessages => "messages by seq, the latest page",
            Self::MessagesAfter => "messages by seq, after the middle",
            Self::LatestChanges => "changes, the last hundred versions",
            Self::ChangesAfter => "changes, after a version in the middle",
            Self::FirstConversations => "conversations, the first page",
            Self::LaterConversations => "conversations, a page in the middle",
            Self::Sync => "sync of 500 conversations, 300 messages behind",
            Self::Search => "search of users",
        })
    }
}

/// The first user, with a device, who reads lists at places that `sql` found once.
pub(crate) struct Reader {
    db: Database,
    delivery: Delivery,
    user: UserId,
    other: UserId,
    conversation: ConversationId,
    version: i64,
    middle: Middle,
    known: BTreeMap<ConversationId, i64>,
}

/// A place in the first conversation that is as far from a milestone whatever the size, and below the read marks; and one half-way
/// through the list of conversations.
struct Middle {
    seq: i64,
    version: i64,
    message: Before,
    time: Before,
    conversation: Activity,
}

impl Reader {
    pub(crate) async fn new(sql: &Client, db: Database) -> Result<Self, Failure> {
        let first = sql
            .query_one(
                "select page_costs_user(1) as user_id, page_costs_user(2) as other_id, c.id, c.version, m.seq, m.created_version,
                     m.id::text as message, extract(epoch from m.created_at)::bigint::text as time
                 from conversations c join messages m on m.conversation_id = c.id and m.seq = c.last_seq / 128 * 32 + 20
                 where c.id = page_costs_conversation(1)",
                &[],
            )
            .await?;
        let newest =
            "select id, version, last_message_at as time from conversations order by last_message_at desc, id desc";
        let halfway = sql
            .query_one(
                &format!("{newest} offset (select count(*) / 2 from conversations) limit 1"),
                &[],
            )
            .await?;
        let conversation = ConversationId::from(first.get::<_, Uuid>("id"));
        let version = first.get("version");
        let rows = sql.query(&format!("{newest} limit 500"), &[]).await?;
        let versions = rows
            .iter()
            .map(|row| (ConversationId::from(row.get::<_, Uuid>("id")), row.get("version")));
        let mut known: BTreeMap<ConversationId, i64> = versions.collect();
        known.insert(conversation, version - 600);
        Ok(Self {
            delivery: Delivery::new(db.clone(), Arc::new(Device), Afterwards::Inline),
            db,
            user: UserId::from(first.get::<_, Uuid>("user_id")),
            other: UserId::from(first.get::<_, Uuid>("other_id")),
            conversation,
            version,
            middle: Middle {
                seq: first.get("seq"),
                version: first.get("created_version"),
                message: Before::parse(first.get("message"))?,
                time: Before::parse(first.get("time"))?,
                conversation: Activity {
                    time: halfway.get("time"),
                    conversation_id: ConversationId::from(halfway.get::<_, Uuid>("id")),
                },
            },
            known,
        })
    }

    /// Reads a page. A connection may sync once in a second, so each round has its own.
    pub(crate) async fn read(&self, list: List, round: u8) -> Result<(), Failure> {
        match list {
            List::LatestHistory => self.read_history(None).await,
            List::HistoryBeforeMessage => self.read_history(Some(self.middle.message)).await,
            List::HistoryBeforeTime => self.read_history(Some(self.middle.time)).await,
            List::LatestMessages => self.read_messages(Place::Before(i64::MAX)).await,
            List::MessagesAfter => self.read_messages(Place::After(self.middle.seq)).await,
            List::LatestChanges => self.read_changes(self.version - 100).await,
            List::ChangesAfter => self.read_changes(self.middle.version).await,
            List::FirstConversations => self.read_conversations(None).await,
            List::LaterConversations => self.read_conversations(Some(self.middle.conversation)).await,
            List::Sync => {
                let connection = ConnectionId::new(format!("page-costs-{round}"));
                Ok(sync::sync(&self.delivery, &connection, self.known.clone()).await?)
            }
            List::Search => full(accounts::search(&self.db, &NamePrefix::parse("user1")?).await?.len()),
        }
    }

    async fn read_history(&self, before: Option<Before>) -> Result<(), Failure> {
        let page = history::page(&self.db, self.user, self.other, PageSize::DEFAULT, before).await?;
        full(page.entries.len())
    }

    async fn read_messages(&self, place: Place) -> Result<(), Failure> {
        let page =
            conversations::list_messages(&self.db, self.user, self.conversation, PageSize::DEFAULT, place).await?;
        full(page.items.len())
    }

    async fn read_changes(&self, after: i64) -> Result<(), Failure> {
        let changes =
            conversations::list_changes(&self.db, self.user, self.conversation, PageSize::DEFAULT, after).await?;
        // A page ends where 20 were stored; of those, what changed later stands elsewhere.
        if changes.has_more && !changes.messages.is_empty() {
            return Ok(());
        }
        Err("a page of changes was expected after which more follows".into())
    }

    async fn read_conversations(&self, before: Option<Activity>) -> Result<(), Failure> {
        let page = conversations::list(&self.db, self.user, PageSize::DEFAULT, before).await?;
        full(page.items.len())
    }
}

/// A page that is not full would prove nothing.
fn full(rows: usize) -> Result<(), Failure> {
    let expected = PageSize::DEFAULT.rows();
    if rows == expected {
        return Ok(());
    }
    Err(format!("a page has {rows} rows where {expected} were expected").into())
}

/// A device that takes every frame.
struct Device;

impl Push for Device {
    fn post(&self, _: &ConnectionId, _: Bytes) -> Outcome {
        ready(Ok(())).boxed()
    }

    fn close(&self, _: &ConnectionId) -> Outcome {
        ready(Ok(())).boxed()
    }

    fn is_open(&self, _: &ConnectionId) -> Outcome<bool> {
        ready(Ok(true)).boxed()
    }
}
