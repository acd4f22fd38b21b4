//! Frames that clients send, and what tests of much traffic need.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::{Socket, TestServer, User, wait_as_told};

/// How long something that is not told to any socket may take: far more than it ever takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(20);

/// A message to `to`.
pub fn direct_message(to: &User, content: &str) -> Value {
    json!({"type": "direct_message", "to": to.id, "content": content})
}

/// A message to `to` that can be repeated.
pub fn named_message(to: &User, content: &str, client_id: &str) -> Value {
    json!({"type": "direct_message", "to": to.id, "content": content, "client_id": client_id})
}

/// An acknowledgement as the receiver has it.
pub fn receivers_copy(acknowledgement: &Value) -> Value {
    let mut copy = acknowledgement.clone();
    copy.as_object_mut().unwrap().remove("client_id");
    copy
}

/// The strings that frames have as `member`, in order; a frame without it has none.
pub fn strings<'a>(frames: &'a [Value], member: &str) -> Vec<&'a str> {
    frames.iter().filter_map(|frame| frame[member].as_str()).collect()
}

impl Socket {
    /// Whatever was under way to this socket: the frames before the answer to a ping sent now.
    pub async fn catch_up(&mut self) -> Vec<Value> {
        self.send(&json!({"type": "ping"})).await;
        let mut frames = self.take_until(|frame| frame["type"] == "pong").await;
        frames.pop();
        frames
    }

    /// Closes the socket and returns the frames that were under way to it until its end.
    pub async fn take_leave(mut self) -> Vec<Value> {
        self.send_message(Message::Close(None)).await;
        let mut frames = Vec::new();
        while let Some(message) = self.next_message().await {
            if let Message::Text(text) = message {
                frames.push(serde_json::from_str(&text).unwrap());
            }
        }
        frames
    }

    /// Sends a frame and returns its answer. Where the rate limit refuses it, waits and tries again.
    pub async fn ask(&mut self, frame: &Value) -> Value {
        loop {
            self.send(frame).await;
            let answer = self.next().await;
            if answer["code"] != "rate_limited" {
                return answer;
            }
            wait_as_told(&answer).await;
        }
    }
}

impl User {
    /// Edits the user's message that `frame` tells of.
    pub async fn edit(&self, server: &TestServer, frame: &Value, content: &str) {
        let path = format!("/messages/{}", frame["id"].as_str().unwrap());
        let request = self.request(server, Method::PATCH, &path);
        let answer = request.json(&json!({"content": content})).send().await.unwrap();
        answer.error_for_status().unwrap();
    }

    /// Deletes the user's message that `frame` tells of.
    pub async fn delete(&self, server: &TestServer, frame: &Value) {
        let path = format!("/messages/{}/delete", frame["id"].as_str().unwrap());
        let answer = self.request(server, Method::DELETE, &path).send().await.unwrap();
        answer.error_for_status().unwrap();
    }

    /// What the user and `other` wrote to each other, oldest first: the first page's contents.
    pub async fn history(&self, server: &TestServer, other: &User) -> Vec<String> {
        let page = self.get(server, &format!("/chats/{}?limit=100", other.id)).await;
        let contents = page.as_array().unwrap().iter().rev();
        contents
            .map(|entry| entry["content"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl TestServer {
    /// Stores `count` messages of an hour ago, which nobody was sent: `waiting 1`, `waiting 2`, …
    pub async fn leave_messages(&self, from: &User, to: &User, count: u32) {
        let (from, to) = (&from.id, &to.id);
        let statements = format!(
            "insert into conversations (id, low_user, high_user)
                 values (gen_random_uuid(), least('{from}'::uuid, '{to}'::uuid), greatest('{from}'::uuid, '{to}'::uuid))
                 on conflict do nothing;
             create temporary table here as select * from conversations
                 where low_user in ('{from}', '{to}') and high_user in ('{from}', '{to}');
             insert into members (conversation_id, user_id, active_at)
                 select id, unnest(array[low_user, high_user]), created_at from here on conflict do nothing;
             insert into messages (id, conversation_id, seq, version, created_version, sender_id, content, created_at)
                 select gen_random_uuid(), id, last_seq + n, version + n, version + n, '{from}', 'waiting ' || n,
                     clock_timestamp() - interval '1 hour' + n * interval '1 millisecond'
                 from here, generate_series(1, {count}) n;
             update conversations set last_seq = last_seq + {count}, version = version + {count}
                 where id = (select id from here)"
        );
        self.sql().await.batch_execute(&statements).await.unwrap();
    }

    /// Has a message sent to somebody who is there, and waits for its mark: whatever was to be marked before is written then, too.
    pub async fn wait_until_marks_are_written(&self, from: &mut Socket) {
        let carol = self.user("carol").await;
        let mut to = self.connect(&carol).await;
        from.say(&carol, "hello").await;
        to.next().await;
        self.wait_until(&format!(
            "select delivered_seq = 1 from members where user_id = '{}'",
            carol.id
        ))
        .await;
    }

    /// Asks until `query`, which has one boolean, is true.
    pub async fn wait_until(&self, query: &str) {
        let sql = self.sql().await;
        let is_true = async {
            while !sql.query_one(query, &[]).await.unwrap().get::<_, bool>(0) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(DEADLINE, is_true)
            .await
            .unwrap_or_else(|_| panic!("never true: {query}"));
    }
}
