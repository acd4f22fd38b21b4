//! `POST /auth/login`.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, JWT_SECRET, TestServer, User};

async fn log_in(server: &TestServer, email: &str, password: &str) -> Answer {
    let credentials = json!({"email": email, "password": password});
    Answer::to(server.request(Method::POST, "/auth/login").json(&credentials)).await
}

fn claims(token: &str) -> Value {
    let key = DecodingKey::from_secret(JWT_SECRET.as_bytes());
    decode(token, &key, &Validation::new(Algorithm::HS256)).unwrap().claims
}

#[tokio::test]
async fn the_answer_is_a_token_for_24_hours_and_nothing_else() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    let first = log_in(&server, &user.email, User::PASSWORD).await.ok();
    let second = log_in(&server, &user.email, User::PASSWORD).await.ok();
    assert_eq!(first.as_object().unwrap().len(), 1, "{first}");
    let token = first["token"].as_str().unwrap();
    assert_eq!(decode_header(token).unwrap().alg, Algorithm::HS256);
    let claims = [token, second["token"].as_str().unwrap()].map(claims);
    assert_eq!(claims[0]["user_id"], user.id.as_str());
    let lifetime = claims[0]["exp"].as_i64().unwrap() - claims[0]["iat"].as_i64().unwrap();
    assert_eq!(lifetime, 24 * 60 * 60);
    assert!(claims[0]["jti"].is_string());
    assert_ne!(claims[0]["jti"], claims[1]["jti"]);
}

#[tokio::test]
async fn several_tokens_of_a_user_work_side_by_side() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    let second = log_in(&server, &user.email, User::PASSWORD).await.ok();
    for token in [&*user.token, second["token"].as_str().unwrap()] {
        let me = Answer::to(server.request(Method::GET, "/users/me").bearer_auth(token)).await;
        assert_eq!(me.ok()["id"], user.id.as_str());
    }
}

#[tokio::test]
async fn an_address_is_known_in_any_case_and_with_white_space_around_it() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    for email in [user.email.to_uppercase(), format!(" \t{}\r\n", user.email)] {
        log_in(&server, &email, User::PASSWORD).await.ok();
    }
}

#[tokio::test]
async fn an_unknown_address_has_the_answer_of_a_wrong_password() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    let wrong = log_in(&server, &user.email, "battery staple").await;
    let unknown = log_in(&server, "nobody@example.com", User::PASSWORD).await;
    let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&wrong), names(&unknown));
    let [wrong, unknown] = [wrong, unknown].map(|answer| {
        let mut problem = answer.problem(401, "bad_credentials");
        problem.as_object_mut().unwrap().remove("request_id");
        problem
    });
    assert_eq!(wrong, unknown);
}

#[tokio::test]
async fn any_text_is_an_address_that_nobody_has() {
    let server = TestServer::start().await;
    let long = "x".repeat(10_000);
    for email in [
        "",
        " ",
        "bob",
        "@nobody.invalid",
        "\0",
        "a\0b@example.com",
        "\"\0\"@example.com",
        "😀",
        &long,
    ] {
        log_in(&server, email, User::PASSWORD)
            .await
            .problem(401, "bad_credentials");
    }
}

#[tokio::test]
async fn any_text_is_a_password_that_may_be_wrong() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    let long = User::PASSWORD.repeat(1000);
    for password in ["", " ", "short", "\0", "Correct Horse", " correct horse", &long] {
        log_in(&server, &user.email, password)
            .await
            .problem(401, "bad_credentials");
    }
}

#[tokio::test]
async fn a_missing_member_is_named() {
    let server = TestServer::start().await;
    for (body, fields) in [
        (json!({}), vec!["email", "password"]),
        (json!({"email": "bob@example.com"}), vec!["password"]),
        (json!({"password": "correct horse"}), vec!["email"]),
        (json!({"email": null, "password": "correct horse"}), vec!["email"]),
        (
            json!({"email": ["bob@example.com"], "password": 12_345_678}),
            vec!["email", "password"],
        ),
    ] {
        let answer = Answer::to(server.request(Method::POST, "/auth/login").json(&body)).await;
        answer.refuses(&fields);
    }
}
