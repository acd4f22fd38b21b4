//! Conversations, direct and groups, over REST and in frames.

mod changes;
mod former;
mod full_groups;
mod groups;
mod listing;
mod membership;
mod messages;
mod opening;
mod paging;
mod permissions;
mod racing;
mod reading;
mod reading_often;
mod repeats;
mod replies;
mod roles;
mod sending;
mod strangers;

use serde_json::{Value, json};

use crate::support::{TestServer, User};

const NOTHING: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

/// A group of three.
struct Group {
    server: TestServer,
    /// Who made it.
    owner: User,
    admin: User,
    member: User,
    id: String,
}

impl Group {
    /// The group "Friends", on a server without rate limits.
    async fn start() -> Self {
        let server = TestServer::start().await;
        server.lift_rate_limits().await;
        let (owner, admin, member) = (
            server.user("owner").await,
            server.user("admin").await,
            server.user("member").await,
        );
        let id = owner.make_group(&server, "Friends", &[&admin, &member]).await;
        owner.set_member(&server, &id, &admin, Some("admin")).await.ok();
        Self {
            server,
            owner,
            admin,
            member,
            id,
        }
    }

    async fn add(&self, user: &User) -> Value {
        self.owner.set_member(&self.server, &self.id, user, None).await.ok()
    }

    async fn remove(&self, user: &User) -> Value {
        self.owner.remove_member(&self.server, &self.id, user).await.ok()
    }

    /// Has a user write to the group, and returns the acknowledgement.
    async fn say(&self, user: &User, content: &str) -> Value {
        let mut socket = self.server.open(user).await;
        let said = socket.say_in(&self.id, content).await;
        socket.close().await;
        said
    }

    /// Who takes part and as what, as a member sees it, by their names.
    async fn members(&self) -> Vec<(String, String)> {
        let listed = self.owner.listed(&self.server, &self.id).await;
        let text = |member: &Value, key: &str| member[key].as_str().unwrap().to_owned();
        let members = listed["members"].as_array().unwrap().iter();
        members
            .map(|member| (text(member, "user_id"), text(member, "role")))
            .collect()
    }

    async fn role_of(&self, user: &User) -> Option<String> {
        let members = self.members().await;
        let member = members.into_iter().find(|(id, _)| *id == user.id);
        member.map(|(_, role)| role)
    }

    /// The messages that a user sees, as pairs of `seq` and content.
    async fn seen_by(&self, user: &User) -> Vec<(i64, Value)> {
        let messages = user.messages(&self.server, &self.id).await;
        messages
            .iter()
            .map(|message| (message["seq"].as_i64().unwrap(), message["content"].clone()))
            .collect()
    }

    /// The frame that tells of a member.
    fn told(&self, kind: &str, user: &User, role: &str, version: i64) -> Value {
        json!({
            "type": kind,
            "conversation_id": self.id,
            "version": version,
            "name": "Friends",
            "user_id": user.id,
            "username": user.username,
            "role": role,
        })
    }
}
