//! What a device knows: what the frames that it got add up to, by the rules that the contract has for clients. Order does not matter, but for the higher version of
//! two.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::frame::{Frame, Mark, Part, Versions};

/// A device's memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replica {
    pub(crate) conversations: BTreeMap<Uuid, View>,
    /// As the last sync told them.
    pub(crate) versions: Versions,
}

/// One conversation.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) messages: BTreeMap<Uuid, Seen>,
    pub(crate) read: BTreeMap<Uuid, i64>,
    pub(crate) delivered: BTreeMap<Uuid, i64>,
    pub(crate) members: BTreeMap<Uuid, Member>,
    /// Of a group: the version at which it got its name, and the name.
    pub(crate) name: Option<(i64, String)>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) seq: i64,
    pub(crate) version: i64,
    /// `None` once it is deleted.
    pub(crate) content: Option<String>,
}

/// Somebody's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) version: i64,
    pub(crate) role: String,
    pub(crate) removed: bool,
}

impl Replica {
    /// Takes in what a frame tells.
    pub(crate) fn apply(&mut self, frame: &Frame) {
        match frame {
            Frame::DirectMessage(said) | Frame::Message(said) => {
                let seen = seen(said.seq, said.version, Some(&said.content));
                self.view(said.conversation_id).see(said.id, seen);
            }
            Frame::MessageEdited(edited) => {
                let seen = seen(edited.seq, edited.version, Some(&edited.content));
                self.view(edited.conversation_id).see(edited.id, seen);
            }
            Frame::MessageDeleted(deleted) => {
                let seen = seen(deleted.seq, deleted.version, None);
                self.view(deleted.conversation_id).see(deleted.id, seen);
            }
            Frame::ConversationRead(mark) => raise(&mut self.view(mark.conversation_id).read, mark),
            Frame::Delivered(mark) => raise(&mut self.view(mark.conversation_id).delivered, mark),
            Frame::MemberAdded(part) => self.view(part.conversation_id).take_part(part, false),
            Frame::MemberRemoved(part) => self.view(part.conversation_id).take_part(part, true),
            Frame::ConversationUpdated(named) => {
                let view = self.view(named.conversation_id);
                if view.name.as_ref().is_none_or(|(version, _)| *version < named.version) {
                    view.name = Some((named.version, named.name.clone()));
                }
            }
            Frame::SyncComplete {
                versions: Some(versions),
                ..
            } => self.versions.clone_from(versions),
            Frame::SyncComplete { versions: None, .. } | Frame::Error { .. } | Frame::Other => {}
        }
    }

    fn view(&mut self, conversation: Uuid) -> &mut View {
        self.conversations.entry(conversation).or_default()
    }
}

fn seen(seq: i64, version: i64, content: Option<&str>) -> Seen {
    Seen {
        seq,
        version,
        content: content.map(str::to_owned),
    }
}

fn raise(marks: &mut BTreeMap<Uuid, i64>, mark: &Mark) {
    let known = marks.entry(mark.user_id).or_default();
    *known = mark.seq.max(*known);
}

impl View {
    fn see(&mut self, id: Uuid, seen: Seen) {
        if self.messages.get(&id).is_none_or(|known| known.version < seen.version) {
            self.messages.insert(id, seen);
        }
    }

    fn take_part(&mut self, part: &Part, removed: bool) {
        let member = Member {
            version: part.version,
            role: part.role.clone(),
            removed,
        };
        if self
            .members
            .get(&part.user_id)
            .is_none_or(|known| known.version < part.version)
        {
            self.members.insert(part.user_id, member);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_higher_version_wins_in_any_order() {
        let (id, conversation_id) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let stored = json!({"type": "message", "id": id, "content": "a", "conversation_id": conversation_id, "seq": 1, "version": 1});
        let edited = json!({"type": "message_edited", "id": id, "content": "b", "conversation_id": conversation_id, "seq": 1, "version": 2});
        let deleted =
            json!({"type": "message_deleted", "id": id, "conversation_id": conversation_id, "seq": 1, "version": 3});
        for order in [[&stored, &edited, &deleted], [&deleted, &edited, &stored]] {
            let mut replica = Replica::default();
            for frame in order {
                replica.apply(&Frame::parse(&frame.to_string()));
            }
            let expected = super::seen(1, 3, None);
            assert_eq!(replica.conversations[&conversation_id].messages[&id], expected);
        }
    }
}
