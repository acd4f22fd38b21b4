//! What all REST calls have in common: bodies, problems, routes, CORS.

mod bodies;
mod fuzz;

use std::collections::HashSet;

use local::gateway;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Answer, Options, TestServer};

const PAGE: &str = "https://page.example";

/// The members of a header that is a list, in lower case.
fn list(headers: &HeaderMap, name: &str) -> HashSet<String> {
    let text = headers
        .get(name)
        .unwrap_or_else(|| panic!("no {name}: {headers:?}"))
        .to_str()
        .unwrap();
    text.split(',').map(|member| member.trim().to_lowercase()).collect()
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    let mut ids = HashSet::new();
    for _ in 0..10 {
        let refused = Answer::to(server.request(Method::GET, "/users/me")).await;
        let problem = refused.problem(401, "unauthenticated");
        ids.insert(problem["request_id"].as_str().unwrap().to_owned());
        let granted = Answer::to(user.request(&server, Method::GET, "/users/me")).await;
        ids.insert(granted.header("apigw-requestid").unwrap().to_owned());
    }
    assert_eq!(ids.len(), 20);
}

#[tokio::test]
async fn what_is_no_route_is_not_found() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    let id = &user.id;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/nowhere"),
        (Method::GET, "/auth/login"),
        (Method::PUT, "/auth/register"),
        (Method::POST, "/auth/login/"),
        (Method::POST, "/users/me"),
        (Method::PUT, "/users/me"),
        (Method::GET, "/users/me/"),
        (Method::GET, "//users/me"),
        (Method::GET, "/Users/Me"),
        (Method::PATCH, "/users/me/update"),
        (Method::GET, "/chats"),
        (Method::GET, "/chats/"),
        (Method::POST, &format!("/chats/{id}")),
        (Method::GET, &format!("/chats/{id}/messages")),
        (Method::GET, &format!("/messages/{id}")),
        (Method::POST, &format!("/messages/{id}")),
        (Method::PATCH, &format!("/messages/{id}/delete")),
        (Method::from_bytes(b"BREW").unwrap(), "/users/me"),
    ] {
        for request in [
            server.request(method.clone(), path),
            user.request(&server, method.clone(), path),
        ] {
            let answer = Answer::to(request.json(&json!({}))).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
            assert_eq!(
                answer.header("content-type"),
                Some("application/json"),
                "{method} {path}"
            );
            assert_eq!(answer.json(), json!({"message": "Not Found"}), "{method} {path}");
        }
    }
    let head = Answer::to(user.request(&server, Method::HEAD, "/users/me")).await;
    assert_eq!((head.status, &*head.body), (StatusCode::NOT_FOUND, ""));
}

#[tokio::test]
async fn an_id_with_a_query_in_it_is_refused_like_any_other() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    for (method, path, name) in [
        (Method::GET, "/chats/a%3Fb", "userId"),
        (Method::PATCH, "/messages/a%3Fb", "id"),
        (Method::DELETE, "/messages/a%3Fb/delete", "id"),
        (Method::POST, "/messages/a%3Fb/delete", "id"),
    ] {
        let answer = Answer::to(user.request(&server, method.clone(), path).json(&json!({}))).await;
        answer.refuses(&[name]);
        assert_eq!(answer.header("allow"), None, "{method} {path}");
    }
}

#[tokio::test]
async fn a_page_of_any_origin_may_ask_for_every_call() {
    let server = TestServer::start().await;
    for (method, path) in [
        ("POST", "/auth/login"),
        ("PUT", "/users/me/update"),
        ("GET", "/chats/67e55044-10b1-426f-9247-bb680e5fe0c8"),
        ("PATCH", "/messages/67e55044-10b1-426f-9247-bb680e5fe0c8"),
        ("DELETE", "/messages/67e55044-10b1-426f-9247-bb680e5fe0c8/delete"),
    ] {
        let preflight = server
            .request(Method::OPTIONS, path)
            .header("origin", PAGE)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "authorization,content-type");
        let answer = Answer::to(preflight).await;
        assert_eq!((answer.status, &*answer.body), (StatusCode::NO_CONTENT, ""), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert!(list(&answer.headers, "access-control-allow-methods").contains(&method.to_lowercase()));
        let headers = list(&answer.headers, "access-control-allow-headers");
        assert!(
            headers.contains("authorization") && headers.contains("content-type"),
            "{headers:?}"
        );
        assert!(answer.number("access-control-max-age") > 0);
    }
}

#[tokio::test]
async fn a_page_may_read_the_headers_of_successes_and_of_problems() {
    let server = TestServer::start().await;
    let user = server.user("bob").await;
    for request in [
        user.request(&server, Method::GET, "/users/me"),
        server.request(Method::GET, "/users/me"),
        server.request(Method::POST, "/auth/login").body("{"),
        server.request(Method::GET, "/nowhere"),
    ] {
        let answer = Answer::to(request.header("origin", PAGE)).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer:?}");
        let exposed = list(&answer.headers, "access-control-expose-headers");
        for name in [
            "link",
            "retry-after",
            "ratelimit-limit",
            "ratelimit-remaining",
            "ratelimit-reset",
            "www-authenticate",
        ] {
            assert!(exposed.contains(name), "{name}: {exposed:?}");
        }
    }
}

#[tokio::test]
async fn origins_can_be_limited() {
    let gateway = gateway::Options {
        cors_origins: Some(vec![PAGE.to_owned()]),
        ..gateway::Options::default()
    };
    let server = TestServer::with(Options {
        gateway,
        ..Options::default()
    })
    .await;
    for method in [Method::OPTIONS, Method::GET] {
        for (origin, allowed) in [(PAGE, Some(PAGE)), ("https://elsewhere.example", None)] {
            let request = server
                .request(method.clone(), "/users/me")
                .header("origin", origin)
                .header("access-control-request-method", "GET");
            let answer = Answer::to(request).await;
            assert_eq!(
                answer.header("access-control-allow-origin"),
                allowed,
                "{method} {origin}"
            );
        }
    }
}
