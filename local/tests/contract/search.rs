//! `GET /users/search`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestServer, User, strings, unique};

struct Search {
    server: TestServer,
    ada: User,
}

impl Search {
    async fn start() -> Self {
        let server = TestServer::start().await;
        server.lift_rate_limits().await;
        let ada = server.user("ada").await;
        Self { server, ada }
    }

    async fn ask(&self, query: &[(&str, &str)]) -> Answer {
        let request = self.ada.request(&self.server, Method::GET, "/users/search");
        Answer::to(request.query(query)).await
    }

    async fn find(&self, prefix: &str) -> Value {
        self.ask(&[("q", prefix)]).await.ok()
    }

    async fn names(&self, prefix: &str) -> Vec<String> {
        let found = self.find(prefix).await;
        let names = strings(found.as_array().unwrap(), "username");
        names.into_iter().map(str::to_owned).collect()
    }

    async fn register(&self, username: &str) {
        let email = format!("{}@example.com", unique("x"));
        let account = json!({"username": username, "email": email, "password": User::PASSWORD});
        let answer = Answer::to(self.server.request(Method::POST, "/auth/register").json(&account)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
}

#[tokio::test]
async fn users_are_found_by_the_beginning_of_their_names_with_id_and_name_only() {
    let search = Search::start().await;
    let bob = search.server.user("bob").await;
    search.register("robob").await;
    assert_eq!(
        search.find("bo").await,
        json!([{"id": bob.id, "username": bob.username}])
    );
    assert_eq!(
        search.find(&bob.username).await,
        json!([{"id": bob.id, "username": bob.username}])
    );
    assert_eq!(search.find(&format!("{}x", bob.username)).await, json!([]));
    assert_eq!(search.find(&bob.email).await, json!([]));
    let mut other = search.find("bo").await;
    assert!(!other.to_string().contains("example.com"));
    assert_eq!(other[0].as_object_mut().unwrap().len(), 2);
}

#[tokio::test]
async fn case_and_compatibility_forms_make_no_difference() {
    let search = Search::start().await;
    search.register("Straße").await;
    search.register("Zoë").await;
    for prefix in ["STRASS", "straß", "ｓｔｒ", "St"] {
        assert_eq!(search.names(prefix).await, ["Straße"], "{prefix}");
    }
    for prefix in ["zoë", "ZOE\u{308}", "zo"] {
        assert_eq!(search.names(prefix).await, ["Zoë"], "{prefix}");
    }
    assert_eq!(search.names("zoe").await, Vec::<String>::new());
}

#[tokio::test]
async fn percent_underscore_and_backslash_are_letters() {
    let search = Search::start().await;
    for name in ["a_b", "axb", "__x", "zzz"] {
        search.register(name).await;
    }
    assert_eq!(search.names("a_").await, ["a_b"]);
    assert_eq!(search.names("__").await, ["__x"]);
    for nothing in ["%%", "a%", "z%", "\\_", "_%", "..", "''", "a*"] {
        assert_eq!(search.names(nothing).await, Vec::<String>::new(), "{nothing}");
    }
}

#[tokio::test]
async fn at_most_20_are_found_in_the_order_of_their_names() {
    let search = Search::start().await;
    search.server.crowd("guest", 45).await;
    let names = search.names("gu").await;
    assert_eq!(names.len(), 20);
    assert!(names.is_sorted());
    assert_eq!(names[0], "guest_1");
    assert_eq!(search.names("guest_4").await.len(), 7);
    // There is no way to the rest but a longer prefix.
    let more = search
        .ask(&[("q", "gu"), ("limit", "100"), ("before", "x"), ("offset", "20")])
        .await;
    assert_eq!(more.ok().as_array().unwrap().len(), 20);
    assert_eq!(more.header("link"), None);
}

#[tokio::test]
async fn a_prefix_has_2_to_32_characters() {
    let search = Search::start().await;
    for bad in ["a", "%", "é", "e\u{301}", "😀", &"x".repeat(33), "a\0"] {
        search.ask(&[("q", bad)]).await.refuses(&["q"]);
    }
    search.ask(&[]).await.refuses(&["q"]);
    search.ask(&[("q", "")]).await.refuses(&["q"]);
    for good in ["ab", "  ", "\u{10ffff}\u{10ffff}", &"x".repeat(32), "😀😀"] {
        assert_eq!(search.find(good).await, json!([]), "{good}");
    }
}

#[tokio::test]
async fn a_search_wants_a_token_and_costs_one_of_the_60_requests_a_minute() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let nobody = Answer::to(server.request(Method::GET, "/users/search?q=ad")).await;
    nobody.problem(401, "unauthenticated");
    let answer = ada.call(&server, "GET", "/users/search?q=ad", Value::Null).await;
    assert_eq!(answer.number("ratelimit-limit"), 60);
}
