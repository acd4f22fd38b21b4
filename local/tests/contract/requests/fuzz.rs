//! Whatever a client sends: an answer in JSON, and never a 5xx.

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use reqwest_middleware::RequestBuilder;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::support::{Answer, TestServer, User};

const MEMBERS: [&str; 10] = [
    "username",
    "email",
    "password",
    "content",
    "client_id",
    "user_id",
    "user_ids",
    "name",
    "role",
    "seq",
];

/// A route's method, and its path before and after the segment that varies.
type Route = (Method, &'static str, &'static str);

const ROUTES: [Route; 20] = [
    (Method::POST, "/auth/register", ""),
    (Method::POST, "/auth/login", ""),
    (Method::GET, "/users/me", ""),
    (Method::PUT, "/users/me/update", ""),
    (Method::GET, "/chats/", ""),
    (Method::PATCH, "/messages/", ""),
    (Method::PUT, "/messages/", ""),
    (Method::DELETE, "/messages/", ""),
    (Method::DELETE, "/messages/", "/delete"),
    (Method::POST, "/messages/", "/delete"),
    (Method::POST, "/messages/", "/read"),
    (Method::GET, "/users/search", ""),
    (Method::GET, "/conversations", ""),
    (Method::POST, "/conversations", ""),
    (Method::PATCH, "/conversations/", ""),
    (Method::GET, "/conversations/", "/messages"),
    (Method::GET, "/conversations/", "/changes"),
    (Method::POST, "/conversations/", "/read"),
    (
        Method::PUT,
        "/conversations/67e55044-10b1-426f-9247-bb680e5fe0c8/members/",
        "",
    ),
    (
        Method::DELETE,
        "/conversations/",
        "/members/67e55044-10b1-426f-9247-bb680e5fe0c8",
    ),
];

fn text() -> impl Strategy<Value = String> {
    let odd = [
        "",
        "\0",
        "ab",
        "a@b.c",
        "bob@example.com\0",
        "\u{feff}",
        "\u{202e}abc",
        "' or 1=1 --",
        "67e55044",
    ];
    prop_oneof![
        any::<String>(),
        "[a-z]{3,9}",
        "[a-z]{1,5}@[a-z]{1,5}\\.de",
        proptest::sample::select(odd.to_vec()).prop_map(str::to_owned)
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let name =
        || prop_oneof![3 => proptest::sample::select(MEMBERS.to_vec()).prop_map(str::to_owned), 1 => any::<String>()];
    let inner = leaf.prop_recursive(4, 16, 4, move |inner| {
        let object = btree_map(name(), inner.clone(), 0..4).prop_map(|members| members.into_iter().collect());
        prop_oneof![vec(inner, 0..4).prop_map(Value::from), object]
    });
    prop_oneof![8 => btree_map(name(), inner.clone(), 0..5).prop_map(|members| members.into_iter().collect()), 1 => inner]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![8 => json().prop_map(|json| json.to_string().into_bytes()), 1 => vec(any::<u8>(), 0..200)]
}

/// Any bytes as they can stand in a URL.
fn encoded() -> impl Strategy<Value = String> {
    let bytes = prop_oneof![vec(any::<u8>(), 1..20), text().prop_map(String::into_bytes)];
    bytes.prop_map(|bytes| percent_encode(&bytes, NON_ALPHANUMERIC).to_string())
}

fn segment() -> impl Strategy<Value = String> {
    let id = any::<u128>().prop_map(|bits| uuid::Uuid::from_u128(bits).to_string());
    prop_oneof![encoded(), "[!$&'()*+,;=:@~_A-Za-z0-9.-]{1,40}", id]
}

fn query() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(vec!["limit", "before", "after", "q"]).prop_map(str::to_owned);
    let name = prop_oneof![3 => known, 1 => encoded()];
    let number = any::<i64>().prop_map(|number| number.to_string());
    let pair = (name, prop_oneof![number, segment()]).prop_map(|(name, value)| format!("{name}={value}"));
    prop_oneof![
        vec(pair, 0..4).prop_map(|pairs| pairs.join("&")),
        "[!$&'()*+,;=:@~%A-Za-z0-9/?.-]{0,40}"
    ]
}

/// A server with a user who may ask as often as the test wants.
struct Fuzzed {
    runtime: Runtime,
    server: TestServer,
    user: User,
}

impl Fuzzed {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let (server, user) = runtime.block_on(async {
            let server = TestServer::start().await;
            let user = server.user("bob").await;
            (server, user)
        });
        Self { runtime, server, user }
    }

    /// Runs 64 cases of a test.
    fn check<S: Strategy>(&self, strategy: &S, test: impl AsyncFn(S::Value) -> Result<(), TestCaseError>) {
        let config = Config {
            cases: 64,
            failure_persistence: None,
            ..Config::default()
        };
        let run = |input| {
            self.runtime.block_on(async {
                self.server.refill().await;
                test(input).await
            })
        };
        TestRunner::new(config).run(strategy, run).unwrap();
    }

    fn request(&self, method: &Method, path: &str) -> RequestBuilder {
        self.user.request(&self.server, method.clone(), path)
    }
}

/// Any answer but a 5xx will do, if it is one that a program can read.
async fn expect_an_answer(request: RequestBuilder) -> Result<(), TestCaseError> {
    let answer = Answer::to(request).await;
    prop_assert!(!answer.status.is_server_error(), "{:?}", answer);
    let is_empty = answer.status == 201;
    prop_assert!(
        is_empty || serde_json::from_str::<Value>(&answer.body).is_ok(),
        "{:?}",
        answer
    );
    Ok(())
}

#[test]
fn no_body_breaks_a_call() {
    let fuzzed = Fuzzed::start();
    let media_type = proptest::sample::select(vec![
        "application/json",
        "text/plain",
        "application/x+json",
        "text/html",
        "",
    ]);
    fuzzed.check(&(body(), media_type), async |(body, media_type)| {
        for (method, start, end) in &ROUTES {
            let segment = if start.ends_with('/') { &*fuzzed.user.id } else { "" };
            let request = fuzzed.request(method, &format!("{start}{segment}{end}"));
            let request = request.header("content-type", media_type).body(body.clone());
            expect_an_answer(request).await?;
        }
        Ok(())
    });
}

#[test]
fn no_path_or_query_breaks_a_call() {
    let fuzzed = Fuzzed::start();
    fuzzed.check(&(segment(), query()), async |(segment, query)| {
        for (method, start, end) in &ROUTES {
            let path = format!("{start}{segment}{end}?{query}");
            expect_an_answer(fuzzed.request(method, &path).body("{\"content\":\"x\"}")).await?;
        }
        Ok(())
    });
}

#[test]
fn no_header_breaks_a_call() {
    let fuzzed = Fuzzed::start();
    let names = vec![
        "content-type",
        "authorization",
        "host",
        "origin",
        "x-forwarded-for",
        "cookie",
        "accept-encoding",
    ];
    let value = vec(prop_oneof![0x20..0x7fu8, 0x80..=0xffu8], 0..40);
    fuzzed.check(&(proptest::sample::select(names), value), async |(name, value)| {
        for path in ["/auth/login", "/users/me/update"] {
            let method = if path == "/auth/login" {
                Method::POST
            } else {
                Method::PUT
            };
            let request = fuzzed.request(&method, path).body("{\"email\":\"x\"}");
            expect_an_answer(request.header(name, &*value)).await?;
        }
        Ok(())
    });
}
