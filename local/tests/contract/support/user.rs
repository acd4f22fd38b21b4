use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::{Method, StatusCode};
use reqwest_middleware::RequestBuilder;
use serde_json::{Value, json};

use super::TestServer;

/// A registered user with a token.
#[derive(Debug, Clone)]
pub struct User {
    pub id: String,
    pub username: String,
    pub email: String,
    pub token: String,
}

impl User {
    /// The password of all test users.
    pub const PASSWORD: &str = "correct horse";

    pub(super) async fn register(server: &TestServer, name: &str) -> Self {
        let username = unique(name);
        let email = format!("{username}@example.com");
        let account = json!({"username": username, "email": email, "password": Self::PASSWORD});
        let answer = server
            .request(Method::POST, "/auth/register")
            .json(&account)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        let token = Self::log_in(server, &email).await;
        let me = server.request(Method::GET, "/users/me").bearer_auth(&token);
        let me: Value = me.send().await.unwrap().json().await.unwrap();
        Self {
            id: me["id"].as_str().unwrap().to_owned(),
            username,
            email,
            token,
        }
    }

    async fn log_in(server: &TestServer, email: &str) -> String {
        let credentials = json!({"email": email, "password": Self::PASSWORD});
        let answer = server
            .request(Method::POST, "/auth/login")
            .json(&credentials)
            .send()
            .await
            .unwrap();
        let answer: Value = answer.error_for_status().unwrap().json().await.unwrap();
        answer["token"].as_str().unwrap().to_owned()
    }

    /// A request with the user's token.
    pub fn request(&self, server: &TestServer, method: Method, path: &str) -> RequestBuilder {
        server.request(method, path).bearer_auth(&self.token)
    }

    /// What `GET` answers, which must be 200.
    pub async fn get(&self, server: &TestServer, path: &str) -> Value {
        let answer = self.request(server, Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }
}

/// A name that nothing else has: it begins with `prefix` and is a word for SQL, too.
pub fn unique(prefix: &str) -> String {
    // The id of a process doesn't do: the system gives ids out again, and what a test that failed has left may still be there.
    static PROCESS: LazyLock<u32> = LazyLock::new(rand::random);
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}_{:x}_{count:x}", *PROCESS).replace('-', "_")
}
