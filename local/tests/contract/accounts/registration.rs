//! `POST /auth/register`.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, TestServer, named_fields};

const PASSWORD: &str = "correct horse";

async fn register(server: &TestServer, account: &Value) -> Answer {
    Answer::to(server.request(Method::POST, "/auth/register").json(account)).await
}

async fn log_in(server: &TestServer, email: &str, password: &str) -> StatusCode {
    let credentials = json!({"email": email, "password": password});
    let login = server.request(Method::POST, "/auth/login").json(&credentials);
    Answer::to(login).await.status
}

fn account(username: &str, email: &str) -> Value {
    json!({"username": username, "email": email, "password": PASSWORD})
}

/// An address of `length` bytes, about 254, whose every part is as long as the others allow.
fn long_email(length: usize) -> String {
    let labels = [length - 194, 60, 63].map(|label| "d".repeat(label));
    format!("{}@{}.com", "a".repeat(64), labels.join("."))
}

#[tokio::test]
async fn a_field_that_breaks_its_rule_is_named() {
    let server = TestServer::start().await;
    let cases = [
        ("username", vec![json!(null), json!(777), json!(["bob"]), json!("")]),
        (
            "username",
            vec![json!("ab"), json!("x".repeat(33)), json!("王".repeat(33))],
        ),
        (
            "username",
            vec![
                json!("a b"),
                json!(" bob "),
                json!("bob\0"),
                json!("bob!"),
                json!("a@b"),
                json!("😀😀😀"),
            ],
        ),
        (
            "email",
            vec![
                json!(null),
                json!(true),
                json!({}),
                json!(""),
                json!("bob"),
                json!("bob@"),
            ],
        ),
        (
            "email",
            vec![
                json!("@example.com"),
                json!("a b@example.com"),
                json!("bob@example.com\0"),
            ],
        ),
        (
            "email",
            vec![
                json!("Bob <bob@example.com>"),
                json!("a@b@example.com"),
                json!(long_email(255)),
            ],
        ),
        (
            "password",
            vec![
                json!(null),
                json!(12_345_678),
                json!(""),
                json!("1234567"),
                json!("éééé"),
            ],
        ),
        ("password", vec![json!("x".repeat(129)), json!("😀".repeat(129))]),
    ];
    for (field, values) in cases {
        for value in values {
            let mut account = account("bob", "bob@example.com");
            account[field] = value;
            register(&server, &account).await.refuses(&[field]);
        }
    }
    for field in ["username", "email", "password"] {
        let mut account = account("bob", "bob@example.com");
        account.as_object_mut().unwrap().remove(field);
        register(&server, &account).await.refuses(&[field]);
    }
    assert_eq!(
        log_in(&server, "bob@example.com", PASSWORD).await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let server = TestServer::start().await;
    for body in [json!({}), json!({"username": "b", "email": "b", "password": "b"})] {
        register(&server, &body)
            .await
            .refuses(&["username", "email", "password"]);
    }
    let body = json!({"username": "b", "email": "bob@example.com", "password": 7});
    register(&server, &body).await.refuses(&["username", "password"]);
}

#[tokio::test]
async fn the_shortest_and_the_longest_of_everything_will_do() {
    let server = TestServer::start().await;
    for (username, email, password) in [
        ("bob", "b@c.de", "12345678"),
        (&"王".repeat(32), &*long_email(254), &*"😀".repeat(128)),
        ("_.-", "o'neil+chat@example.com", "        "),
        ("नेहा", "neha@example.com", "\0\0\0\0\0\0\0\0"),
    ] {
        let account = json!({"username": username, "email": email, "password": password});
        let answer = register(&server, &account).await;
        assert_eq!((answer.status, &*answer.body), (StatusCode::CREATED, ""), "{account}");
        assert_eq!(log_in(&server, email, password).await, StatusCode::OK, "{account}");
    }
}

#[tokio::test]
async fn white_space_around_an_address_does_not_count_towards_its_length() {
    let server = TestServer::start().await;
    let email = format!("\t {} \r\n", long_email(254).to_uppercase());
    assert_eq!(
        register(&server, &account("bob", &email)).await.status,
        StatusCode::CREATED
    );
    assert_eq!(log_in(&server, &long_email(254), PASSWORD).await, StatusCode::OK);
}

#[tokio::test]
async fn a_name_is_taken_in_every_spelling_that_looks_the_same() {
    let server = TestServer::start().await;
    for (number, (name, spellings)) in [
        ("Bob", vec!["Bob", "bob", "BOB", "Ｂｏｂ", "\u{1d401}ob"]),
        ("Straße", vec!["STRASSE", "strasse", "STRAẞE"]),
        ("Zoë", vec!["Zoe\u{308}", "ZOË"]),
        ("ΣΊΣΥΦΟΣ", vec!["σίσυφος", "σίσυφοσ"]),
    ]
    .into_iter()
    .enumerate()
    {
        let first = account(name, &format!("first{number}@example.com"));
        assert_eq!(register(&server, &first).await.status, StatusCode::CREATED, "{name}");
        for spelling in spellings {
            let answer = register(&server, &account(spelling, "second@example.com")).await;
            let problem = answer.problem(400, "username_taken");
            assert_eq!(named_fields(&problem), ["username"], "{spelling}");
        }
    }
    let other = account("Bobby", "second@example.com");
    assert_eq!(register(&server, &other).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn an_address_is_taken_whatever_its_case() {
    let server = TestServer::start().await;
    let first = account("first", "Bob.Builder@Example.com");
    assert_eq!(register(&server, &first).await.status, StatusCode::CREATED);
    for email in [
        "Bob.Builder@Example.com",
        "bob.builder@example.com",
        "  BOB.BUILDER@EXAMPLE.COM\n",
    ] {
        let problem = register(&server, &account("second", email))
            .await
            .problem(400, "email_taken");
        assert_eq!(named_fields(&problem), ["email"]);
    }
    let free = account("second", "bob.builder+2@example.com");
    assert_eq!(register(&server, &free).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn of_two_who_want_a_name_at_once_one_gets_it() {
    let server = TestServer::start().await;
    let (one, other) = (account("bob", "one@example.com"), account("BOB", "other@example.com"));
    let (one, other) = tokio::join!(register(&server, &one), register(&server, &other));
    let (winner, loser) = if one.status == StatusCode::CREATED {
        (one, other)
    } else {
        (other, one)
    };
    assert_eq!(winner.status, StatusCode::CREATED);
    loser.problem(400, "username_taken");
}

#[tokio::test]
async fn a_password_is_never_trimmed() {
    let server = TestServer::start().await;
    let account = json!({"username": "bob", "email": "bob@example.com", "password": " \tpass word\n "});
    assert_eq!(register(&server, &account).await.status, StatusCode::CREATED);
    for wrong in ["pass word", " \tpass word\n", "\tpass word\n ", " \tPass word\n "] {
        assert_eq!(
            log_in(&server, "bob@example.com", wrong).await,
            StatusCode::UNAUTHORIZED,
            "{wrong:?}"
        );
    }
    assert_eq!(
        log_in(&server, "bob@example.com", " \tpass word\n ").await,
        StatusCode::OK
    );
}

#[tokio::test]
async fn members_that_nobody_knows_are_ignored() {
    let server = TestServer::start().await;
    let mut account = account("bob", "bob@example.com");
    account["id"] = json!("67e55044-10b1-426f-9247-bb680e5fe0c8");
    account["role"] = json!(["admin"]);
    assert_eq!(register(&server, &account).await.status, StatusCode::CREATED);
}
