//! What the plan's actions are.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Device;
use super::sending::Target;
use crate::journal::Look;
use crate::plan::{Action, Step};
use crate::replica::Replica;
use crate::socket::Socket;

impl Device {
    /// Does what a step says, if there is anything to do it with.
    pub(super) async fn act(&mut self, step: Step<Action>) {
        let Step { what, pick, .. } = step;
        match what {
            Action::Send => self.send_some(pick).await,
            Action::Abandon => {
                self.abandon(pick).await;
            }
            Action::Repeat => {
                if let Some((client_id, _)) = self.pick_own(pick) {
                    self.queue(&client_id);
                    self.send_pending().await;
                }
            }
            Action::Edit => self.edit(pick).await,
            Action::Delete => self.delete(pick).await,
            Action::Read => self.read(pick).await,
            Action::Sync => self.catch_up().await,
            Action::Reconnect => {
                if let Some(socket) = self.socket.take() {
                    socket.close().await;
                }
                self.is_connected().await;
            }
            Action::Cut => self.cut().await,
            Action::LoseAnswer => {
                if let Some(client_id) = self.abandon(pick).await {
                    self.queue(&client_id);
                    self.send_pending().await;
                }
            }
            Action::SendTwiceAtOnce => self.send_twice_at_once(pick).await,
            Action::Forget => {
                self.record.replica = Replica::default();
                self.catch_up().await;
            }
            Action::LookAtMarks => self.look_at_marks(pick).await,
            Action::ChangeMember => self.change_member(pick).await,
            Action::Rename => self.rename(pick).await,
        }
    }

    async fn send_some(&mut self, pick: usize) {
        for index in 0..=pick % 3 {
            let target = self.target(pick / 3 + index);
            let client_id = self.compose(target);
            self.queue(&client_id);
        }
        self.send_pending().await;
    }

    /// Returns the `client_id` of what was sent.
    async fn abandon(&mut self, pick: usize) -> Option<String> {
        if !self.is_connected().await {
            return None;
        }
        let client_id = self.compose(self.target(pick));
        let frame = self.sent[&client_id].clone();
        self.send(&frame).await;
        self.cut().await;
        Some(client_id)
    }

    /// As an app does whose user is impatient: nothing holds the two apart but the server.
    async fn send_twice_at_once(&mut self, pick: usize) {
        if !self.is_connected().await {
            return;
        }
        let Ok(mut other) = Socket::open(&self.directory.address, &self.account.token).await else {
            return;
        };
        let client_id = self.compose(self.target(pick));
        // Should it not be sent there, it is sent once, which is enough.
        let _ = other.send(&self.sent[&client_id]).await;
        self.counts.sends += 1;
        self.queue(&client_id);
        self.send_pending().await;
        other.close().await;
    }

    async fn cut(&mut self) {
        if let Some(socket) = self.socket.take() {
            self.counts.cuts += 1;
            socket.cut().await;
        }
    }

    /// Another user, a group, or a conversation by its id whatever it is.
    fn target(&self, pick: usize) -> Target {
        let others = self.directory.accounts.iter().map(|account| account.id);
        let others = others.filter(|id| *id != self.account.id).map(Target::User);
        let groups = self.directory.groups.iter().map(|(id, _)| Target::Conversation(*id));
        let known = self.record.replica.conversations.keys();
        let known = known.map(|id| Target::Conversation(*id));
        let targets: Vec<_> = others.chain(groups.clone()).chain(groups).chain(known).collect();
        targets[pick % targets.len()]
    }

    /// An acknowledged message of this device.
    fn pick_own(&self, pick: usize) -> Option<(String, Uuid)> {
        let own: Vec<_> = self.record.journal.acknowledged().collect();
        let (client_id, acknowledged) = own.get(pick % own.len().max(1))?;
        Some(((*client_id).clone(), acknowledged.id))
    }

    fn pick_conversation(&self, pick: usize) -> Option<Uuid> {
        let known = &self.record.replica.conversations;
        known.keys().nth(pick % known.len().max(1)).copied()
    }

    async fn edit(&mut self, pick: usize) {
        let Some((client_id, id)) = self.pick_own(pick) else {
            return;
        };
        let content = json!({"content": format!("{client_id}: edited, {pick}")});
        let answer = self.rest.ask(Method::PATCH, &format!("/messages/{id}"), &content).await;
        if answer == Some(StatusCode::OK) {
            self.counts.edits += 1;
            self.record.journal.changes.entry(id).or_default().edited = true;
        }
    }

    async fn delete(&mut self, pick: usize) {
        let Some((_, id)) = self.pick_own(pick) else {
            return;
        };
        let path = format!("/messages/{id}/delete");
        if self.rest.ask(Method::DELETE, &path, &Value::Null).await == Some(StatusCode::OK) {
            self.counts.deletions += 1;
            self.record.journal.changes.entry(id).or_default().deleted = true;
        }
    }

    async fn read(&mut self, pick: usize) {
        let Some(conversation) = self.pick_conversation(pick) else {
            return;
        };
        let messages = &self.record.replica.conversations[&conversation].messages;
        let last = messages.values().map(|message| message.seq).max().unwrap_or(0);
        let seq = last - i64::try_from(pick % 4).unwrap_or(0);
        let frame = json!({"type": "read", "conversation_id": conversation, "seq": seq.max(0)});
        self.counts.reads += u64::from(self.send(&frame).await);
    }

    /// A mark that was told before can't stand lower now.
    async fn look_at_marks(&mut self, pick: usize) {
        let Some(conversation_id) = self.pick_conversation(pick) else {
            return;
        };
        let after = self.record.replica.versions.get(&conversation_id).copied();
        let told = self.record.replica.conversations[&conversation_id].clone();
        let Some(marks) = self.rest.marks(conversation_id, after.unwrap_or(0)).await else {
            return;
        };
        for found in marks {
            let user_id = found.user_id;
            for (what, told, found) in [
                ("read", told.read.get(&user_id), found.read),
                ("delivered", told.delivered.get(&user_id), found.delivered),
            ] {
                self.counts.looks += 1;
                self.record.journal.looks.push(Look {
                    conversation_id,
                    user_id,
                    what,
                    told: told.copied().unwrap_or(0),
                    found,
                });
            }
        }
    }

    /// One of the groups that this user owns.
    fn own_group(&self, pick: usize) -> Option<Uuid> {
        let groups = &self.directory.groups;
        let own: Vec<_> = groups.iter().filter(|(_, owner)| *owner == self.account.id).collect();
        own.get(pick % own.len().max(1)).map(|(id, _)| *id)
    }

    async fn change_member(&mut self, pick: usize) {
        let Some(group) = self.own_group(pick) else {
            return;
        };
        let others = self
            .directory
            .accounts
            .iter()
            .filter(|other| other.id != self.account.id);
        let others: Vec<_> = others.collect();
        let other = others[pick / 2 % others.len()].id;
        // Twice as often added as removed, so that the groups stay populated.
        let (method, body) = match pick % 3 {
            0 => (Method::DELETE, Value::Null),
            1 => (Method::PUT, json!({"role": "member"})),
            _ => (Method::PUT, json!({"role": "admin"})),
        };
        let path = format!("/conversations/{group}/members/{other}");
        let answer = self.rest.ask(method, &path, &body).await;
        self.counts.member_changes += u64::from(answer == Some(StatusCode::OK));
    }

    async fn rename(&mut self, pick: usize) {
        if let Some(group) = self.own_group(pick) {
            let name = json!({"name": format!("group {pick}")});
            let path = format!("/conversations/{group}");
            self.rest.ask(Method::PATCH, &path, &name).await;
        }
    }
}
