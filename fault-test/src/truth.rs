//! What the database has in the end.

use std::collections::BTreeMap;

use tokio_postgres::Client;
use uuid::Uuid;

use crate::Failure;
use crate::frame::Versions;

/// Everything that matters of the database.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth {
    pub(crate) conversations: BTreeMap<Uuid, Conversation>,
    pub(crate) messages: BTreeMap<Uuid, Message>,
    /// By conversation and user.
    pub(crate) members: BTreeMap<(Uuid, Uuid), Member>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Conversation {
    pub(crate) last_seq: i64,
    pub(crate) version: i64,
    pub(crate) name: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    pub(crate) conversation_id: Uuid,
    pub(crate) sender_id: Uuid,
    pub(crate) seq: i64,
    pub(crate) version: i64,
    pub(crate) content: String,
    pub(crate) edited: bool,
    pub(crate) deleted: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Member {
    pub(crate) role: String,
    pub(crate) joined_seq: i64,
    pub(crate) left_seq: Option<i64>,
    pub(crate) left_version: Option<i64>,
    pub(crate) read: i64,
    pub(crate) delivered: i64,
    /// All times at which they took part: they may have seen what is above the first `seq` of one, up to the second.
    pub(crate) periods: Vec<(i64, Option<i64>)>,
}

impl Member {
    /// Whether they took part when the message with this `seq` was stored.
    pub(crate) fn takes_part_at(&self, seq: i64) -> bool {
        let mut periods = self.periods.iter();
        periods.any(|(joined, left)| *joined < seq && left.is_none_or(|left| seq <= left))
    }
}

impl Truth {
    /// Reads it, all at one moment.
    pub(crate) async fn read(sql: &mut Client) -> Result<Self, Failure> {
        let snapshot = sql
            .build_transaction()
            .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
            .start()
            .await?;
        let mut truth = Self::default();
        for row in snapshot.query("select * from conversations", &[]).await? {
            let conversation = Conversation {
                last_seq: row.get("last_seq"),
                version: row.get("version"),
                name: row.get("name"),
            };
            truth.conversations.insert(row.get("id"), conversation);
        }
        let messages = "select *, edited_at is not null as edited, deleted_at is not null as deleted from messages";
        for row in snapshot.query(messages, &[]).await? {
            let message = Message {
                conversation_id: row.get("conversation_id"),
                sender_id: row.get("sender_id"),
                seq: row.get("seq"),
                version: row.get("version"),
                content: row.get("content"),
                edited: row.get("edited"),
                deleted: row.get("deleted"),
            };
            truth.messages.insert(row.get("id"), message);
        }
        for row in snapshot.query("select * from members", &[]).await? {
            let member = Member {
                role: row.get("role"),
                joined_seq: row.get("joined_seq"),
                left_seq: row.get("left_seq"),
                left_version: row.get("left_version"),
                read: row.get("read_seq"),
                delivered: row.get("delivered_seq"),
                periods: Vec::new(),
            };
            let key = (row.get("conversation_id"), row.get("user_id"));
            truth.members.insert(key, member);
        }
        for row in snapshot.query("select * from fault_test_periods", &[]).await? {
            let key = (row.get("conversation_id"), row.get("user_id"));
            let member = truth.members.entry(key).or_default();
            member.periods.push((row.get("joined_seq"), row.get("left_seq")));
        }
        Ok(truth)
    }

    /// How far a user's devices know their conversations once they know everything.
    pub(crate) fn versions_of(&self, user: Uuid) -> Versions {
        let members = self.members.iter().filter(|((_, member), _)| *member == user);
        members
            .map(|((conversation, _), member)| {
                let version = self.conversations.get(conversation).map_or(0, |found| found.version);
                (*conversation, member.left_version.unwrap_or(version))
            })
            .collect()
    }

    /// The messages of a conversation by `seq`.
    pub(crate) fn messages_of(&self, conversation: Uuid) -> impl Iterator<Item = (&Uuid, &Message)> {
        let messages = self.messages.iter();
        messages.filter(move |(_, message)| message.conversation_id == conversation)
    }
}
