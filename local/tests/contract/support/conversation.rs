use serde_json::{Value, json};

use super::{Answer, Socket, TestServer, User, wait_as_told};

/// A message to everyone in a conversation.
pub fn said(conversation: &str, content: &str) -> Value {
    json!({"type": "message", "conversation_id": conversation, "content": content})
}

impl TestServer {
    /// Accounts that nobody logs in to: `count` of them, named `<prefix>_1`, `<prefix>_2`, … Their ids, in that order.
    pub async fn crowd(&self, prefix: &str, count: i32) -> Vec<String> {
        let insert = "insert into users (id, username, username_key, email, password_hash)
             select gen_random_uuid(), $1 || '_' || n, $1 || '_' || n, $1 || n || '@example.com', '' from generate_series(1, $2) n
             returning id::text";
        let rows = self.sql().await.query(insert, &[&prefix, &count]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

impl Socket {
    /// Sends a message to a conversation and returns its acknowledgement; other frames before it are dropped.
    pub async fn say_in(&mut self, conversation: &str, content: &str) -> Value {
        loop {
            self.send(&said(conversation, content)).await;
            let is_answer = |frame: &Value| frame["content"] == content || frame["type"] == "error";
            let answer = self.take_until(is_answer).await.pop().unwrap();
            if answer["code"] != "rate_limited" {
                assert_eq!(answer["conversation_id"], conversation, "{answer}");
                return answer;
            }
            wait_as_told(&answer).await;
        }
    }
}

impl User {
    /// Calls the REST API with the user's token; `null` is no body.
    pub async fn call(&self, server: &TestServer, method: &str, path: &str, body: Value) -> Answer {
        let request = self.request(server, method.parse().unwrap(), path);
        let request = if body.is_null() { request } else { request.json(&body) };
        Answer::to(request).await
    }

    /// Makes a group of the user and others, and returns its id.
    pub async fn make_group(&self, server: &TestServer, name: &str, others: &[&User]) -> String {
        let ids: Vec<_> = others.iter().map(|other| &other.id).collect();
        let wanted = json!({"name": name, "user_ids": ids});
        let answer = self.call(server, "POST", "/conversations", wanted).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Opens the direct conversation with another user, and returns its id.
    pub async fn open_direct(&self, server: &TestServer, other: &User) -> String {
        let wanted = json!({"user_id": other.id});
        let answer = self.call(server, "POST", "/conversations", wanted).await;
        answer.ok()["id"].as_str().unwrap().to_owned()
    }

    /// Adds somebody to a group, or gives a member another role.
    pub async fn set_member(&self, server: &TestServer, group: &str, other: &User, role: Option<&str>) -> Answer {
        let body = role.map_or(Value::Null, |role| json!({"role": role}));
        self.call(server, "PUT", &member_path(group, other), body).await
    }

    /// Removes somebody from a group; who removes themselves leaves it.
    pub async fn remove_member(&self, server: &TestServer, group: &str, other: &User) -> Answer {
        let path = member_path(group, other);
        self.call(server, "DELETE", &path, Value::Null).await
    }

    /// A conversation as it stands in the user's list; null where it is not there.
    pub async fn listed(&self, server: &TestServer, conversation: &str) -> Value {
        let list = self.get(server, "/conversations?limit=100").await;
        let mut entries = list.as_array().unwrap().iter();
        entries
            .find(|entry| entry["id"] == conversation)
            .cloned()
            .unwrap_or_default()
    }

    /// The messages of a conversation that the user sees, oldest first: the first page of 100.
    pub async fn messages(&self, server: &TestServer, conversation: &str) -> Vec<Value> {
        let path = format!("/conversations/{conversation}/messages?after=0&limit=100");
        self.get(server, &path).await.as_array().unwrap().clone()
    }

    /// What changed in a conversation above a version: one page of 100.
    pub async fn changes(&self, server: &TestServer, conversation: &str, after: i64) -> Value {
        let path = format!("/conversations/{conversation}/changes?after={after}&limit=100");
        self.get(server, &path).await
    }

    /// Marks a conversation as read, named by its id or the other user's; `None` is up to its end.
    pub async fn read(&self, server: &TestServer, reference: &str, seq: Option<i64>) -> Answer {
        let body = seq.map_or(Value::Null, |seq| json!({"seq": seq}));
        let path = format!("/conversations/{reference}/read");
        self.call(server, "POST", &path, body).await
    }
}

fn member_path(group: &str, other: &User) -> String {
    format!("/conversations/{group}/members/{}", other.id)
}
