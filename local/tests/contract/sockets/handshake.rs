//! Who may open a socket.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;

use crate::support::{JWT_SECRET, Socket, TestServer, User};

/// A handshake whose query and `Authorization` are these.
async fn open(server: &TestServer, query: &str, authorization: Option<&str>) -> Result<Socket, u16> {
    let uri = format!("ws://{}/ws{query}", server.address()).parse().unwrap();
    let mut request = ClientRequestBuilder::new(uri);
    if let Some(authorization) = authorization {
        request = request.with_header("Authorization", authorization);
    }
    match Socket::open_with(request).await {
        Ok(socket) => Ok(socket),
        Err(Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// Asserts that the handshake is refused with 401.
async fn expect_refusal(server: &TestServer, query: &str, authorization: Option<&str>) {
    match open(server, query, authorization).await {
        Ok(_) => panic!("{query} {authorization:?} was let in"),
        Err(status) => assert_eq!(status, 401, "{query} {authorization:?}"),
    }
}

/// The claims that the user's own token makes, now and an hour from now.
async fn claims(server: &TestServer, user: &User) -> Value {
    let now = server.sql().await;
    let now = now.query_one("select extract(epoch from now())::bigint", &[]).await;
    let now: i64 = now.unwrap().get(0);
    json!({"user_id": user.id, "iat": now, "exp": now + 3600, "jti": uuid::Uuid::new_v4()})
}

fn sign(claims: &Value, algorithm: Algorithm, secret: &str) -> String {
    encode(
        &Header::new(algorithm),
        claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .unwrap()
}

#[tokio::test]
async fn a_token_comes_in_the_query_or_in_a_header() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let token = &alice.token;
    let bearer = format!("Bearer {token}");
    for (query, authorization) in [
        (format!("?token={token}"), None),
        (format!("?a=b&token={token}&c"), None),
        (String::new(), Some(bearer.as_str())),
        ("?".to_owned(), Some(&bearer)),
        ("?token=".to_owned(), Some(&bearer)),
        ("?token".to_owned(), Some(&bearer)),
        (String::new(), Some(&format!("bearer {token}"))),
        (format!("?token={token}"), Some("Basic eDp5")),
    ] {
        let mut socket = open(&server, &query, authorization).await.unwrap();
        assert_eq!(socket.next().await["type"], "sync_complete", "{query}");
        socket.expect_nothing().await;
    }
}

#[tokio::test]
async fn without_a_valid_token_there_is_no_socket() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let token = &alice.token;
    for (query, authorization) in [
        ("", None),
        ("?", None),
        ("?token=", None),
        ("?token", None),
        ("?token=nonsense", None),
        ("?token=%00", None),
        ("?token=%ff", None),
        (&format!("?token={token}x"), None),
        (&format!("?token={}", &token[..token.len() - 2]), None),
        (&format!("?Token={token}"), None),
        (&format!("?access_token={token}"), None),
        ("", Some("")),
        ("", Some("Bearer")),
        ("", Some("Bearer ")),
        ("", Some("Bearer nonsense")),
        ("", Some(token.as_str())),
        ("", Some(&format!("Basic {token}"))),
    ] {
        expect_refusal(&server, query, authorization).await;
    }
}

#[tokio::test]
async fn a_forged_or_expired_token_opens_no_socket() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let claims = claims(&server, &alice).await;
    let query = |token: String| format!("?token={token}");
    let ours = query(sign(&claims, Algorithm::HS256, JWT_SECRET));
    assert!(open(&server, &ours, None).await.is_ok(), "these claims are good");

    let mut expired = claims.clone();
    expired["exp"] = json!(claims["iat"].as_i64().unwrap() - 1);
    let mut nobodys = claims.clone();
    nobodys["user_id"] = json!(uuid::Uuid::new_v4());
    let mut nameless = claims.clone();
    nameless["user_id"] = json!("alice");
    let mut endless = claims.clone();
    endless.as_object_mut().unwrap().remove("exp");
    // Header {"alg":"none","typ":"JWT"}, the good claims, no signature.
    let signed = sign(&claims, Algorithm::HS256, JWT_SECRET);
    let payload = signed.split('.').nth(1).unwrap();
    for token in [
        sign(&expired, Algorithm::HS256, JWT_SECRET),
        sign(&nobodys, Algorithm::HS256, JWT_SECRET),
        sign(&nameless, Algorithm::HS256, JWT_SECRET),
        sign(&endless, Algorithm::HS256, JWT_SECRET),
        sign(&claims, Algorithm::HS256, "another secret of thirty-two bytes or more"),
        sign(&claims, Algorithm::HS512, JWT_SECRET),
        format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}."),
    ] {
        expect_refusal(&server, &query(token.clone()), None).await;
        expect_refusal(&server, "", Some(&format!("Bearer {token}"))).await;
    }
    let rows = server.sql().await.query("select from connections", &[]).await.unwrap();
    assert!(rows.len() <= 1, "refused handshakes leave connections behind");
}

#[tokio::test]
async fn a_plain_get_is_told_to_upgrade() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    for path in ["/ws".to_owned(), format!("/ws?token={}", alice.token)] {
        let answer = server.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UPGRADE_REQUIRED);
        assert_eq!(answer.headers()["upgrade"], "websocket");
    }
}
