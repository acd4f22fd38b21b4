//! `GET /users/me` and `PUT /users/me/update`.

use chrono::DateTime;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Options, TestServer, User, named_fields};

async fn update(server: &TestServer, user: &User, changes: &Value) -> Answer {
    let request = user.request(server, Method::PUT, "/users/me/update");
    Answer::to(request.json(changes)).await
}

/// The name and the address as the profile shows them.
async fn name_and_address(server: &TestServer, user: &User) -> Value {
    let me = user.get(server, "/users/me").await;
    json!([me["username"], me["email"]])
}

#[tokio::test]
async fn a_profile_has_exactly_the_members_of_the_contract() {
    let server = TestServer::start().await;
    let user = server.user("Bob").await;
    let mut me = Answer::to(user.request(&server, Method::GET, "/users/me")).await.ok();
    let created = me["created"].take();
    assert!(created.as_str().unwrap().ends_with('Z'), "{created}");
    assert!(
        DateTime::parse_from_rfc3339(created.as_str().unwrap()).is_ok(),
        "{created}"
    );
    let id = uuid::Uuid::parse_str(me["id"].as_str().unwrap()).unwrap();
    assert_eq!(id.get_version_num(), 7);
    let email = user.email.to_lowercase();
    let expected = json!({"id": id.to_string(), "username": user.username, "email": email, "created": null});
    assert_eq!(me, expected);
}

#[tokio::test]
async fn only_what_is_given_changes() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    let before = user.get(&server, "/users/me").await;

    let mut answer = update(&server, &user, &json!({"username": "Robert"})).await.ok();
    let updated = answer["updated"].take();
    assert!(updated.as_str().unwrap().ends_with('Z'));
    assert!(updated.as_str() > before["created"].as_str(), "{updated}");
    let expected = json!({"id": user.id, "username": "Robert", "email": user.email, "updated": null});
    assert_eq!(answer, expected);

    let answer = update(&server, &user, &json!({"username": null, "email": " Rob@Example.com "}))
        .await
        .ok();
    assert_eq!(
        (&answer["username"], &answer["email"]),
        (&json!("Robert"), &json!("rob@example.com"))
    );
    assert!(answer["updated"].as_str() > updated.as_str(), "{answer}");

    let both = json!({"username": "rob_2", "email": "rob2@example.com", "password": "ignored, as unknown members are"});
    update(&server, &user, &both).await.ok();
    let after = user.get(&server, "/users/me").await;
    let expected =
        json!({"id": user.id, "username": "rob_2", "email": "rob2@example.com", "created": before["created"]});
    assert_eq!(after, expected);
}

#[tokio::test]
async fn one_logs_in_with_the_new_address_only() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    update(&server, &user, &json!({"email": "new@example.com"})).await.ok();
    let log_in = async |email: &str| {
        let credentials = json!({"email": email, "password": User::PASSWORD});
        Answer::to(server.request(Method::POST, "/auth/login").json(&credentials)).await
    };
    log_in("new@example.com").await.ok();
    log_in(&user.email).await.problem(401, "bad_credentials");
}

#[tokio::test]
async fn a_name_that_was_given_up_is_free() {
    let server = TestServer::start().await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    update(&server, &bob, &json!({"username": "robert"})).await.ok();
    let answer = update(&server, &eve, &json!({"username": bob.username})).await.ok();
    assert_eq!(answer["username"], bob.username.as_str());
}

#[tokio::test]
async fn something_must_be_given() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    for nothing in [
        json!({}),
        json!({"username": null, "email": null}),
        json!({"name": "robert"}),
    ] {
        update(&server, &user, &nothing).await.refuses(&["username", "email"]);
    }
}

#[tokio::test]
async fn an_invalid_change_is_named_and_changes_nothing() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    for (changes, fields) in [
        (json!({"username": "ab"}), vec!["username"]),
        (json!({"username": "", "email": "rob@example.com"}), vec!["username"]),
        (json!({"username": "robert", "email": "rob"}), vec!["email"]),
        (json!({"username": 7, "email": false}), vec!["username", "email"]),
        (
            json!({"username": "x".repeat(33), "email": ""}),
            vec!["username", "email"],
        ),
    ] {
        update(&server, &user, &changes).await.refuses(&fields);
    }
    assert_eq!(
        name_and_address(&server, &user).await,
        json!([user.username, user.email])
    );
}

#[tokio::test]
async fn what_others_have_is_taken_and_nothing_changes() {
    let server = TestServer::start().await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    let name = json!({"username": bob.username.to_uppercase(), "email": "free@example.com"});
    let problem = update(&server, &eve, &name).await.problem(400, "username_taken");
    assert_eq!(named_fields(&problem), ["username"]);
    let email = json!({"username": "free", "email": bob.email.to_uppercase()});
    let problem = update(&server, &eve, &email).await.problem(400, "email_taken");
    assert_eq!(named_fields(&problem), ["email"]);
    assert_eq!(name_and_address(&server, &eve).await, json!([eve.username, eve.email]));
}

#[tokio::test]
async fn ones_own_name_and_address_may_be_written_differently() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    let name = user.username.to_uppercase();
    let changes = json!({"username": name, "email": user.email.to_uppercase()});
    update(&server, &user, &changes).await.ok();
    assert_eq!(name_and_address(&server, &user).await, json!([name, user.email]));
    update(&server, &user, &json!({"username": name})).await.ok();
}

#[tokio::test]
async fn two_who_want_each_others_names_at_once_hear_that_they_are_taken() {
    let server = TestServer::with(Options::environment("DATABASE_TIMEOUT_MS", "30000")).await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    // Between its row and its name each update waits for the other, so that each holds what the other waits for: a deadlock.
    let meet = "
        create sequence arrivals;
        create function meet(name text) returns text immutable language plpgsql as 'begin return name; end';
        alter table users drop constraint users_username_key;
        create index users_meet on users (meet(username));
        alter table users add constraint users_username_key unique (username_key);
        create or replace function meet(name text) returns text immutable language plpgsql as $$
            begin
                perform nextval('arrivals');
                while (select last_value from arrivals) < 2 loop perform pg_sleep(0.01); end loop;
                return name;
            end $$";
    server.sql().await.batch_execute(meet).await.unwrap();
    let (bobs, eves) = (json!({"username": eve.username}), json!({"username": bob.username}));
    let answers = tokio::join!(update(&server, &bob, &bobs), update(&server, &eve, &eves));
    for answer in [answers.0, answers.1] {
        answer.problem(400, "username_taken");
    }

    let database = server.database().await;
    let log = std::fs::read_to_string(server.postgres_log()).unwrap();
    let is_deadlock = |line: &str| line.contains(&database) && line.contains("deadlock detected");
    assert!(log.lines().any(is_deadlock), "they did not get in each other's way");
    for user in [&bob, &eve] {
        let unchanged = json!([user.username, user.email]);
        assert_eq!(name_and_address(&server, user).await, unchanged);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_change_hands_at_once_are_had_by_one_user_each() {
    let server = TestServer::start().await;
    let mut users = Vec::new();
    for _ in 0..4 {
        users.push(server.user("user").await);
    }
    for round in 0..10 {
        // Each wants the next one's name, and one of them a free one, which can set a chain of names free.
        let mut names: Vec<_> = users.iter().map(|user| user.username.clone()).collect();
        names.rotate_left(1);
        names[round % 4] = format!("free_{round}");
        let changes: Vec<_> = names.iter().map(|name| json!({ "username": name })).collect();
        let updates = users.iter().zip(&changes);
        let answers = join_all(updates.map(|(user, changes)| update(&server, user, changes))).await;
        for ((user, name), answer) in users.iter_mut().zip(names).zip(answers) {
            if answer.status == StatusCode::OK {
                user.username = name;
            } else {
                answer.problem(400, "username_taken");
            }
        }
    }
    for user in &users {
        let told = json!([user.username, user.email]);
        assert_eq!(name_and_address(&server, user).await, told);
    }
}
