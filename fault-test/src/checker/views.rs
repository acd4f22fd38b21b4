//! What a device knows after its last sync: all that its user may see, as it is, and nothing else.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::Violation;
use crate::device::Record;
use crate::replica::{Seen, View};
use crate::truth::{Member, Message, Truth};

/// Compares the device's view of each conversation with the database.
pub(super) fn check(truth: &Truth, record: &Record) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (conversation, view) in &record.replica.conversations {
        violations.extend(what_may_not_be_seen(truth, record, *conversation, view));
    }
    let nothing = View::default();
    for ((conversation, user), member) in &truth.members {
        if *user == record.user {
            let view = record.replica.conversations.get(conversation).unwrap_or(&nothing);
            let viewer = Viewer {
                truth,
                record,
                conversation: *conversation,
                member,
                view,
            };
            violations.extend(viewer.messages());
            violations.extend(viewer.marks());
            violations.extend(viewer.members_and_name());
        }
    }
    violations
}

fn what_may_not_be_seen(truth: &Truth, record: &Record, conversation: Uuid, view: &View) -> Vec<Violation> {
    let member = truth.members.get(&(conversation, record.user));
    let may_see = |seq: i64| member.is_some_and(|member| member.takes_part_at(seq));
    let device = || record.label.clone();
    let mut violations = Vec::new();
    for (id, seen) in &view.messages {
        if !may_see(seen.seq) {
            violations.push(Violation::Foreign {
                device: device(),
                conversation,
                seq: seen.seq,
            });
        }
        let stored = truth.messages.get(id);
        if stored.is_none_or(|stored| (stored.conversation_id, stored.seq) != (conversation, seen.seq)) {
            violations.push(Violation::Phantom {
                device: device(),
                id: *id,
            });
        }
    }
    violations
}

/// A device looking at a conversation of its user.
struct Viewer<'a> {
    truth: &'a Truth,
    record: &'a Record,
    conversation: Uuid,
    member: &'a Member,
    view: &'a View,
}

impl Viewer<'_> {
    fn device(&self) -> String {
        self.record.label.clone()
    }

    /// Everything of the user's last (or present) time in the conversation is there, as it is. What changed after a member was removed
    /// they do not learn.
    fn messages(&self) -> Vec<Violation> {
        let Member {
            joined_seq,
            left_seq,
            left_version,
            ..
        } = self.member;
        let of_theirs =
            |message: &Message| message.seq > *joined_seq && left_seq.is_none_or(|left| message.seq <= left);
        let messages = self.truth.messages_of(self.conversation);
        let messages = messages.filter(|(_, message)| of_theirs(message));
        messages
            .filter_map(|(id, message)| {
                let Some(seen) = self.view.messages.get(id) else {
                    return Some(Violation::Missing {
                        device: self.device(),
                        conversation: self.conversation,
                        seq: message.seq,
                    });
                };
                let stored = as_seen(message);
                let is_told = left_version.is_none_or(|left| message.version <= left);
                (is_told && *seen != stored).then(|| Violation::Differs {
                    device: self.device(),
                    id: *id,
                    seen: seen.clone(),
                    stored,
                })
            })
            .collect()
    }

    /// No mark stands below what was told; and members know where the marks are that moved while they were there.
    fn marks(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        for ((conversation, user), member) in &self.truth.members {
            if *conversation != self.conversation {
                continue;
            }
            for (what, told, found) in [
                ("read", &self.view.read, member.read),
                ("delivered", &self.view.delivered, member.delivered),
            ] {
                let told = told.get(user).copied().unwrap_or(0);
                if told > found {
                    violations.push(Violation::WentBack {
                        device: self.device(),
                        conversation: self.conversation,
                        user: *user,
                        what,
                        told,
                        found,
                    });
                }
                let moved = found > self.member.joined_seq && found > member.joined_seq;
                if self.has_always_been_here() && is_here_for_the_first_time(member) && moved && told < found {
                    violations.push(self.state(format!("the {what} mark of {user}"), &told, &found));
                }
            }
        }
        violations
    }

    /// A member knows who takes part and what the group is called. Who comes back learns the present members from the list of
    /// conversations, which a replica does not read.
    fn members_and_name(&self) -> Vec<Violation> {
        let name = &self.truth.conversations[&self.conversation].name;
        if !self.has_always_been_here() || name.is_none() {
            return Vec::new();
        }
        let stored: BTreeMap<Uuid, &str> = self
            .truth
            .members
            .iter()
            .filter(|((conversation, _), member)| *conversation == self.conversation && member.left_seq.is_none())
            .map(|((_, user), member)| (*user, member.role.as_str()))
            .collect();
        let members = self.view.members.iter().filter(|(_, member)| !member.removed);
        let seen: BTreeMap<Uuid, &str> = members.map(|(user, member)| (*user, member.role.as_str())).collect();
        let mut violations = Vec::new();
        if seen != stored {
            violations.push(self.state("the members".to_owned(), &seen, &stored));
        }
        let seen = self.view.name.as_ref().map(|(_, name)| name.clone());
        if seen != *name {
            violations.push(self.state("the name".to_owned(), &seen, name));
        }
        violations
    }

    fn has_always_been_here(&self) -> bool {
        self.member.left_seq.is_none() && is_here_for_the_first_time(self.member)
    }

    fn state(&self, what: String, seen: &impl std::fmt::Debug, stored: &impl std::fmt::Debug) -> Violation {
        Violation::StateDiffers {
            device: self.device(),
            conversation: self.conversation,
            what,
            seen: format!("{seen:?}"),
            stored: format!("{stored:?}"),
        }
    }
}

fn is_here_for_the_first_time(member: &Member) -> bool {
    member.left_seq.is_none() && member.periods.len() == 1
}

/// A message as who knows all of it has it.
fn as_seen(message: &Message) -> Seen {
    Seen {
        seq: message.seq,
        version: message.version,
        content: (!message.deleted).then(|| message.content.clone()),
    }
}
