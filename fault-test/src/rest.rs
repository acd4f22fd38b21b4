//! The REST API as a client uses it.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Failure;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

const PASSWORD: &str = "correct horse";

/// A user with a token.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) token: String,
}

/// Somebody's way to the REST API.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    http: reqwest::Client,
    address: String,
    token: Option<String>,
}

/// How far a member is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    pub(crate) user_id: Uuid,
    pub(crate) read: i64,
    pub(crate) delivered: i64,
}

impl Rest {
    /// A client without a token.
    pub(crate) fn new(http: reqwest::Client, address: String) -> Self {
        Self {
            http,
            address,
            token: None,
        }
    }

    /// The same for a user.
    pub(crate) fn of(&self, account: &Account) -> Self {
        Self {
            token: Some(account.token.clone()),
            ..self.clone()
        }
    }

    /// Registers a user and logs them in.
    pub(crate) async fn register(&self, name: &str) -> Result<Account, Failure> {
        let email = format!("{name}@example.com");
        let account = json!({"username": name, "email": email, "password": PASSWORD});
        self.expect(Method::POST, "/auth/register", &account).await?;
        let credentials = json!({"email": email, "password": PASSWORD});
        let answer = self.expect(Method::POST, "/auth/login", &credentials).await?;
        let token = answer["token"].as_str().ok_or("a login without a token")?.to_owned();
        let rest = Self {
            token: Some(token.clone()),
            ..self.clone()
        };
        let me = rest.expect(Method::GET, "/users/me", &Value::Null).await?;
        Ok(Account {
            id: id(&me)?,
            name: name.to_owned(),
            token,
        })
    }

    /// Makes a group.
    pub(crate) async fn make_group(&self, name: &str, members: &[Uuid]) -> Result<Uuid, Failure> {
        let group = json!({"name": name, "user_ids": members});
        id(&self.expect(Method::POST, "/conversations", &group).await?)
    }

    /// The status of an answer; `None` where there was none, and nobody knows what happened.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: &Value) -> Option<StatusCode> {
        self.send(method, path, body).await.ok().map(|(status, _)| status)
    }

    /// The watermarks that moved in a conversation above a version. `None` where there was no answer, or one that does not tell all.
    pub(crate) async fn marks(&self, conversation: Uuid, after: i64) -> Option<Vec<Marks>> {
        let path = format!("/conversations/{conversation}/changes?after={after}&limit=100");
        let (status, changes) = self.send(Method::GET, &path, &Value::Null).await.ok()?;
        if status != StatusCode::OK {
            return None;
        }
        let members = changes["members"].as_array()?;
        members
            .iter()
            .map(|member| {
                Some(Marks {
                    user_id: member["user_id"].as_str()?.parse().ok()?,
                    read: member["read_seq"].as_i64()?,
                    delivered: member["delivered_seq"].as_i64()?,
                })
            })
            .collect()
    }

    async fn expect(&self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        let (status, answer) = self.send(method, path, body).await?;
        if status.is_success() {
            Ok(answer)
        } else {
            Err(format!("{path} was answered {status}: {answer}").into())
        }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> reqwest::Result<(StatusCode, Value)> {
        let mut request = self.http.request(method, format!("http://{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.timeout(PATIENCE).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or_default()))
    }
}

fn id(answer: &Value) -> Result<Uuid, Failure> {
    Ok(answer["id"].as_str().ok_or("an answer without an id")?.parse()?)
}
