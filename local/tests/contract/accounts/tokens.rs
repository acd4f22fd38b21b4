//! Who gets in.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, JWT_SECRET, TestServer};

/// The year 2100, in Unix seconds.
const FAR_AWAY: i64 = 4_102_444_800;

/// `{"alg":"none","typ":"JWT"}`
const UNSIGNED: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";

fn claims(user: &str) -> Value {
    json!({"user_id": user, "iat": 1_705_312_800, "exp": FAR_AWAY, "jti": Uuid::nil()})
}

fn sign(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(algorithm), claims, &key).unwrap()
}

async fn me(server: &TestServer, authorization: &str) -> Answer {
    let request = server.request(Method::GET, "/users/me");
    Answer::to(request.header("authorization", authorization)).await
}

#[tokio::test]
async fn every_route_for_users_wants_a_token_before_anything_else() {
    let server = TestServer::start().await;
    for (method, path) in [
        (Method::GET, "/users/me"),
        (Method::PUT, "/users/me/update"),
        (Method::GET, "/chats/no-id?limit=0"),
        (Method::PATCH, "/messages/no-id"),
        (Method::PUT, "/messages/no-id"),
        (Method::DELETE, "/messages/no-id"),
        (Method::DELETE, "/messages/no-id/delete"),
        (Method::POST, "/messages/no-id/delete"),
    ] {
        let answer = Answer::to(server.request(method, path).body("not JSON")).await;
        answer.problem(401, "unauthenticated");
        assert!(!answer.headers.contains_key("ratelimit-limit"), "{path}");
    }
}

#[tokio::test]
async fn a_token_is_as_good_as_its_signature_its_algorithm_and_its_claims() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    let good = sign(Algorithm::HS256, JWT_SECRET, &claims(&user.id));
    assert_eq!(
        me(&server, &format!("Bearer {good}")).await.ok()["id"],
        user.id.as_str()
    );

    let changed = |name: &str, value: Value| {
        let mut claims = claims(&user.id);
        claims[name] = value;
        sign(Algorithm::HS256, JWT_SECRET, &claims)
    };
    let [payload, signature] = [1, 2].map(|part| good.split('.').nth(part).unwrap());
    let stranger = sign(Algorithm::HS256, JWT_SECRET, &claims(&Uuid::now_v7().to_string()));
    let foreign_payload = stranger.split('.').nth(1).unwrap();
    for bad in [
        sign(
            Algorithm::HS256,
            "another secret, also of 32 bytes or more",
            &claims(&user.id),
        ),
        sign(Algorithm::HS384, JWT_SECRET, &claims(&user.id)),
        sign(Algorithm::HS512, JWT_SECRET, &claims(&user.id)),
        format!("{UNSIGNED}.{payload}."),
        format!("{UNSIGNED}.{payload}.{signature}"),
        // Somebody else's claims under this signature.
        good.replace(payload, foreign_payload),
        changed("exp", json!(1_705_399_200)),
        changed("exp", json!(0)),
        changed("exp", json!(-FAR_AWAY)),
        changed("exp", json!("never")),
        changed("exp", Value::Null),
        changed("user_id", json!("bob")),
        changed("user_id", Value::Null),
        good[..good.len() - 8].to_owned(),
        format!("{good}.{good}"),
        payload.to_owned(),
        "x".to_owned(),
        // A user who does not exist.
        stranger.clone(),
    ] {
        me(&server, &format!("Bearer {bad}"))
            .await
            .problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn the_schemes_case_does_not_matter_and_other_schemes_are_no_token() {
    let server = TestServer::start().await;
    let token = server.user("bob").await.token;
    for good in [format!("bearer {token}"), format!("BEARER  {token}")] {
        me(&server, &good).await.ok();
    }
    for bad in [
        token.clone(),
        format!("Basic {token}"),
        format!("Token {token}"),
        "Bearer".to_owned(),
        String::new(),
    ] {
        me(&server, &bad).await.problem(401, "unauthenticated");
    }
}
