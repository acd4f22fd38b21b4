//! Registering, logging in, one's own profile.

mod login;
mod profile;
mod registration;
mod tokens;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{TestServer, unique};

#[tokio::test]
async fn a_user_registers_logs_in_and_sees_their_account() {
    let server = TestServer::start().await;
    let username = unique("Ada");
    let account =
        json!({"username": username, "email": format!(" {username}@Example.com "), "password": "correct horse"});
    let answer = server
        .request(Method::POST, "/auth/register")
        .json(&account)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(answer.text().await.unwrap(), "");

    let credentials = json!({"email": account["email"], "password": "correct horse"});
    let answer = server
        .request(Method::POST, "/auth/login")
        .json(&credentials)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let answer: Value = answer.json().await.unwrap();

    let me = server
        .request(Method::GET, "/users/me")
        .bearer_auth(answer["token"].as_str().unwrap());
    let me: Value = me.send().await.unwrap().json().await.unwrap();
    assert_eq!(me["username"], username);
    assert_eq!(me["email"], format!("{username}@example.com").to_lowercase());
    assert!(me["created"].as_str().unwrap().ends_with('Z'));
    assert_eq!(me.as_object().unwrap().len(), 4, "{me}");
}
