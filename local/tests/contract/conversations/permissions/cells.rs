use reqwest::Method;
use reqwest_middleware::RequestBuilder;
use serde_json::{Value, json};

use crate::support::{Answer, TestServer, User, unique};

/// What the table says where something can't be.
const IMPOSSIBLE: &str = "–";

/// Users who have one part each in every group that [`Company::group`] makes.
pub(super) struct Company {
    server: TestServer,
    owner: User,
    admin: User,
    member: User,
    former: User,
    stranger: User,
    /// Another owner, who makes the groups, another admin, another member.
    others: [User; 3],
    /// Whom they may add.
    outsider: User,
}

/// A group for one cell.
struct Group {
    id: String,
    /// The message of each who has one, and at last that of the other owner.
    messages: Vec<(String, String)>,
}

impl Company {
    pub(super) async fn start() -> Self {
        let server = TestServer::start().await;
        server.lift_rate_limits().await;
        Self {
            owner: server.user("owner").await,
            admin: server.user("admin").await,
            member: server.user("member").await,
            former: server.user("former").await,
            stranger: server.user("stranger").await,
            others: [
                server.user("other_owner").await,
                server.user("other_admin").await,
                server.user("other_member").await,
            ],
            outsider: server.user("outsider").await,
            server,
        }
    }

    /// Whoever the column is about; `None` for nobody.
    fn user(&self, who: &str) -> Option<&User> {
        match who {
            "owner" => Some(&self.owner),
            "admin" => Some(&self.admin),
            "member" => Some(&self.member),
            "former" => Some(&self.former),
            "stranger" => Some(&self.stranger),
            "nobody" => None,
            other => panic!("no such column: {other}"),
        }
    }

    /// A new group, in which everyone who was ever in it wrote one message.
    async fn group(&self) -> Group {
        let [other_owner, other_admin, other_member] = &self.others;
        let invited = [
            &self.owner,
            &self.admin,
            &self.member,
            &self.former,
            other_admin,
            other_member,
        ];
        let id = other_owner.make_group(&self.server, "Company", &invited).await;
        for (user, role) in [(&self.owner, "owner"), (&self.admin, "admin"), (other_admin, "admin")] {
            other_owner.set_member(&self.server, &id, user, Some(role)).await.ok();
        }
        let writers = [&self.owner, &self.admin, &self.member, &self.former, other_owner];
        let mut messages = Vec::new();
        for user in writers {
            messages.push((user.id.clone(), self.store(&id, user).await));
        }
        other_owner.remove_member(&self.server, &id, &self.former).await.ok();
        Group { id, messages }
    }

    /// Stores a message as if it had been sent: a socket for each would take long.
    async fn store(&self, group: &str, user: &User) -> String {
        let insert = "with c as (
                 update conversations set last_seq = last_seq + 1, version = version + 1 where id = $1::text::uuid
                 returning id, last_seq, version
             )
             insert into messages (id, conversation_id, seq, version, created_version, sender_id, content, created_at)
             select gen_random_uuid(), id, last_seq, version, version, $2::text::uuid, 'Hello', clock_timestamp() from c
             returning id::text";
        let sql = self.server.sql().await;
        sql.query_one(insert, &[&group, &user.id]).await.unwrap().get(0)
    }

    /// What a call is answered.
    pub(super) async fn call(&self, who: &str, action: &str, case: &str) -> String {
        let group = self.group().await;
        let user = self.user(who);
        let own = user.and_then(|user| group.messages.iter().find(|(id, _)| *id == user.id));
        if case == "one's own" && own.is_none() {
            return IMPOSSIBLE.to_owned();
        }
        let message = match case {
            "one's own" => &own.unwrap().1,
            _ => &group.messages.last().unwrap().1,
        };
        let (method, path) = action.split_once(' ').unwrap();
        let path = if path.starts_with("/messages") {
            path.replace("{id}", message)
        } else {
            path.replace("{id}", &group.id)
        };
        let path = path.replace("{userId}", &self.target(user, case).id);
        let request = self.request(user, method, &path);
        let answer = Answer::to(match self.body(user, action, case) {
            Value::Null => request,
            body => request.json(&body),
        })
        .await;
        if answer.status.is_success() {
            answer.status.as_u16().to_string()
        } else {
            format!("{} {}", answer.status.as_u16(), answer.json()["code"].as_str().unwrap())
        }
    }

    fn request(&self, user: Option<&User>, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().unwrap();
        let path = if path == "/users/search" {
            "/users/search?q=ow"
        } else {
            path
        };
        match user {
            Some(user) => user.request(&self.server, method, path),
            None => self.server.request(method, path),
        }
    }

    /// Whom a call is about.
    fn target<'a>(&'a self, user: Option<&'a User>, case: &str) -> &'a User {
        let [other_owner, other_admin, other_member] = &self.others;
        match case {
            "oneself" | "oneself to owner" => user.unwrap_or(&self.member),
            "a member" | "a member to admin" => other_member,
            "an admin" | "an admin to member" => other_admin,
            "an owner" | "an owner to member" => other_owner,
            _ => &self.outsider,
        }
    }

    fn body(&self, user: Option<&User>, action: &str, case: &str) -> Value {
        let name = unique("new");
        match (action, case) {
            ("POST /auth/register", _) => {
                json!({"username": name, "email": format!("{name}@example.com"), "password": User::PASSWORD})
            }
            ("POST /auth/login", _) => {
                json!({"email": user.unwrap_or(&self.outsider).email, "password": User::PASSWORD})
            }
            ("PUT /users/me/update", _) => json!({"email": format!("{name}@example.com")}),
            ("POST /conversations", "a direct one") => json!({"user_id": self.outsider.id}),
            ("POST /conversations", _) => json!({"name": name, "user_ids": [self.outsider.id]}),
            ("PATCH /conversations/{id}", _) => json!({"name": name}),
            (_, "a new admin" | "a member to admin") => json!({"role": "admin"}),
            (_, "an admin to member" | "an owner to member") => json!({"role": "member"}),
            (_, "oneself to owner") => json!({"role": "owner"}),
            ("PATCH /messages/{id}" | "PUT /messages/{id}", _) => json!({"content": name}),
            _ => Value::Null,
        }
    }

    /// What a frame is answered: a type, or the code of an error.
    pub(super) async fn send(&self, who: &str, action: &str, case: &str) -> String {
        let group = self.group().await;
        let mut socket = self.server.open(self.user(who).unwrap()).await;
        socket.next_of("sync_complete").await;
        let mut frame = match (action, case) {
            ("message", "in answer to another") => {
                json!({"conversation_id": group.id, "content": "x", "reply_to": group.messages[0].1})
            }
            ("message", _) => json!({"conversation_id": group.id, "content": "x"}),
            ("read", _) => json!({"conversation_id": group.id}),
            ("typing", "in the group") => json!({"conversation_id": group.id, "active": true}),
            ("typing", _) => json!({"to": self.outsider.id, "active": true}),
            ("direct_message", _) => json!({"to": self.outsider.id, "content": "x"}),
            _ => json!({}),
        };
        frame["type"] = json!(action);
        socket.send(&frame).await;
        if action == "typing" {
            socket.send(&json!({"type": "ping"})).await;
        }
        // A sync tells of the other groups first.
        let answer = match action {
            "sync" => socket.next_of("sync_complete").await,
            _ => socket.next().await,
        };
        let kind = answer["code"].as_str().or(answer["type"].as_str());
        kind.unwrap().to_owned()
    }
}
