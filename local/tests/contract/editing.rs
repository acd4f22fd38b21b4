//! Editing and deleting over REST, and what the two users are told of it.

mod events;

use chrono::DateTime;
use reqwest::Method;
use reqwest_middleware::RequestBuilder;
use serde_json::{Value, json};

use crate::support::{Answer, TestServer, User};

const NOTHING: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

/// The three spellings of deleting.
const DELETIONS: [(Method, &str); 3] = [
    (Method::DELETE, ""),
    (Method::DELETE, "/delete"),
    (Method::POST, "/delete"),
];

/// Two users, the first of whom has written "Hello" to the second.
struct Chat {
    server: TestServer,
    bob: User,
    eve: User,
    /// The message as its sender got it back.
    sent: Value,
    id: String,
}

impl Chat {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let (bob, eve) = (server.user("bob").await, server.user("eve").await);
        let mut socket = server.connect(&bob).await;
        let sent = socket.say(&eve, "Hello").await;
        socket.close().await;
        let id = sent["id"].as_str().unwrap().to_owned();
        Self {
            server,
            bob,
            eve,
            sent,
            id,
        }
    }

    async fn edit(&self, content: &str) -> Answer {
        Answer::to(self.edit_by(&self.bob, &self.id).json(&json!({"content": content}))).await
    }

    fn edit_by(&self, user: &User, id: &str) -> RequestBuilder {
        user.request(&self.server, Method::PATCH, &format!("/messages/{id}"))
    }

    async fn delete(&self) -> Answer {
        self.delete_by(&self.bob, &self.id, &DELETIONS[0]).await
    }

    async fn delete_by(&self, user: &User, id: &str, (method, suffix): &(Method, &str)) -> Answer {
        let path = format!("/messages/{id}{suffix}");
        Answer::to(user.request(&self.server, method.clone(), &path)).await
    }

    /// What the two see of each other's messages, which must be the same.
    async fn contents(&self) -> Value {
        let of_bob = self.bob.get(&self.server, &format!("/chats/{}", self.eve.id)).await;
        let of_eve = self.eve.get(&self.server, &format!("/chats/{}", self.bob.id)).await;
        assert_eq!(of_bob, of_eve);
        of_bob
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["content"].clone())
            .collect()
    }

    /// The object that edits and deletes answer.
    fn object(&self, content: &str, is_deleted: bool, edited_at: &Value) -> Value {
        json!({
            "id": self.id,
            "sender_id": self.bob.id,
            "receiver_id": self.eve.id,
            "content": content,
            "is_deleted": is_deleted,
            "edited_at": edited_at,
            "created_at": self.sent["created_at"],
        })
    }
}

#[tokio::test]
async fn an_edit_answers_the_message_as_it_now_is() {
    let chat = Chat::start().await;
    let mut last_edit = chat.sent["created_at"].clone();
    for (method, content) in [(Method::PATCH, "  Good evening\n"), (Method::PUT, "Bye")] {
        let path = format!("/messages/{}", chat.id);
        let edit = chat
            .bob
            .request(&chat.server, method, &path)
            .json(&json!({"content": content}));
        let answer = Answer::to(edit).await.ok();
        assert_eq!(answer, chat.object(content, false, &answer["edited_at"]));
        let edited_at = answer["edited_at"].as_str().unwrap();
        assert!(
            edited_at.ends_with('Z') && DateTime::parse_from_rfc3339(edited_at).is_ok(),
            "{edited_at}"
        );
        assert!(edited_at > last_edit.as_str().unwrap());
        last_edit = answer["edited_at"].clone();
        assert_eq!(chat.contents().await, json!([content]));
    }
}

#[tokio::test]
async fn an_edit_keeps_to_the_rules_of_content() {
    let chat = Chat::start().await;
    for content in ["x", &"é".repeat(4096), &"😀".repeat(4096), "\u{feff}", "a\r\n\tb"] {
        assert_eq!(chat.edit(content).await.ok()["content"], content);
    }
    assert_eq!(chat.edit("last").await.ok()["content"], "last");
    for body in [
        json!({}),
        json!({"content": null}),
        json!({"content": 7}),
        json!({"content": ["x"]}),
        json!({"content": ""}),
        json!({"content": " \t\r\n\u{a0}\u{3000}"}),
        json!({"content": "a\0b"}),
        json!({"content": "x".repeat(4097)}),
        json!({"content": "😀".repeat(4097)}),
    ] {
        Answer::to(chat.edit_by(&chat.bob, &chat.id).json(&body))
            .await
            .refuses(&["content"]);
    }
    assert_eq!(chat.contents().await, json!(["last"]));
}

#[tokio::test]
async fn all_spellings_of_deleting_have_one_answer_again_and_again() {
    for first in &DELETIONS {
        let chat = Chat::start().await;
        let edited_at = chat.edit("Good evening").await.ok()["edited_at"].clone();
        let expected = chat.object("Good evening", true, &edited_at);
        assert_eq!(chat.delete_by(&chat.bob, &chat.id, first).await.ok(), expected);
        for again in &DELETIONS {
            assert_eq!(chat.delete_by(&chat.bob, &chat.id, again).await.ok(), expected);
        }
        assert_eq!(chat.contents().await, json!([]));
    }
}

#[tokio::test]
async fn a_deletion_reads_no_body() {
    let chat = Chat::start().await;
    let path = format!("/messages/{}/delete", chat.id);
    let form = chat.bob.request(&chat.server, Method::POST, &path).body("reason=none");
    let answer = Answer::to(form.header("content-type", "application/x-www-form-urlencoded")).await;
    assert_eq!(answer.ok(), chat.object("Hello", true, &Value::Null));
}

#[tokio::test]
async fn a_deleted_message_can_not_be_edited() {
    let chat = Chat::start().await;
    let deleted = chat.delete().await.ok();
    chat.edit("back again").await.problem(404, "unknown_message");
    assert_eq!(chat.delete().await.ok(), deleted);
    assert_eq!(chat.contents().await, json!([]));
}

#[tokio::test]
async fn only_the_sender_may_change_a_message() {
    let chat = Chat::start().await;
    let stranger = chat.server.user("mallory").await;
    for user in [&chat.eve, &stranger] {
        let edit = chat.edit_by(user, &chat.id).json(&json!({"content": "forged"}));
        Answer::to(edit).await.problem(403, "forbidden");
        for deletion in &DELETIONS {
            let answer = chat.delete_by(user, &chat.id, deletion).await;
            answer.problem(403, "forbidden");
            assert!(!answer.body.contains("Hello"), "{answer:?}");
        }
    }
    assert_eq!(chat.contents().await, json!(["Hello"]));
}

#[tokio::test]
async fn nobody_else_gets_the_content_of_a_deleted_message() {
    let chat = Chat::start().await;
    chat.delete().await.ok();
    for deletion in &DELETIONS {
        let answer = chat.delete_by(&chat.eve, &chat.id, deletion).await;
        answer.problem(403, "forbidden");
        assert!(!answer.body.contains("Hello"), "{answer:?}");
    }
}

#[tokio::test]
async fn the_message_must_exist() {
    let chat = Chat::start().await;
    let content = json!({"content": "x"});
    for unknown in [NOTHING, &chat.bob.id] {
        Answer::to(chat.edit_by(&chat.bob, unknown).json(&content))
            .await
            .problem(404, "unknown_message");
        for deletion in &DELETIONS {
            chat.delete_by(&chat.bob, unknown, deletion)
                .await
                .problem(404, "unknown_message");
        }
    }
    for bad in [
        "x",
        "1",
        "%00",
        "%FF",
        "67e5504410b1426f9247bb680e5fe0c8",
        "%7B67e55044-10b1-426f-9247-bb680e5fe0c8%7D",
    ] {
        Answer::to(chat.edit_by(&chat.bob, bad).json(&content))
            .await
            .refuses(&["id"]);
        for deletion in &DELETIONS {
            chat.delete_by(&chat.bob, bad, deletion).await.refuses(&["id"]);
        }
    }
}

#[tokio::test]
async fn ids_are_read_in_upper_case_and_answered_in_lower_case() {
    let chat = Chat::start().await;
    let id = chat.id.to_uppercase();
    let edit = chat.edit_by(&chat.bob, &id).json(&json!({"content": "Good evening"}));
    let edited = Answer::to(edit).await.ok();
    assert_eq!(edited, chat.object("Good evening", false, &edited["edited_at"]));
    let deleted = chat.delete_by(&chat.bob, &id, &DELETIONS[2]).await.ok();
    assert_eq!(deleted, chat.object("Good evening", true, &edited["edited_at"]));
}
