//! The HTTP API and the gateway's own route.

use std::sync::atomic::Ordering;
use std::time::Duration;

use local::gateway::{HttpOptions, Options};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::harness::Harness;

async fn get(harness: &Harness, path: &str) -> Response {
    reqwest::get(harness.url(path)).await.expect("an answer")
}

/// Holds an answer against one of the gateway's own.
pub(crate) async fn expect_message(response: Response, status: u16, message: &str) {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(
        response.json::<Value>().await.expect("JSON"),
        json!({ "message": message })
    );
}

#[tokio::test]
async fn a_request_reaches_its_function_as_an_event() {
    let harness = Harness::start().await;
    let request = Client::new()
        .put(harness.url("/echo/a%20b?x=1&y=%C3%A9&x=2"))
        .header("cookie", "c=1; d=2")
        .header("user-agent", "test/1")
        .header("content-type", "application/json")
        .body("{\"a\":\"é\"}");
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    let request_id = response.headers()["apigw-requestid"].clone();
    let echo: Value = response.json().await.expect("JSON");
    assert_eq!(echo["method"], "PUT");
    assert_eq!(echo["path"], "/echo/a%20b");
    assert_eq!(echo["query"], "x=1&y=%C3%A9&x=2");
    assert_eq!(echo["cookie"], "c=1; d=2");
    assert_eq!(echo["body"], "{\"a\":\"é\"}");
    let context = &echo["context"];
    assert_eq!(context["routeKey"], "ANY /echo/{name}");
    assert_eq!(context["stage"], "$default");
    assert_eq!(context["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(context["http"]["userAgent"], "test/1");
    assert_eq!(context["domainName"], "127.0.0.1");
    assert_eq!(context["requestId"], request_id.to_str().expect("an id"));
}

#[tokio::test]
async fn cookies_and_bytes_come_back_as_the_function_gave_them() {
    let harness = Harness::start().await;
    let answer = get(&harness, "/answer").await;
    let cookies: Vec<_> = answer.headers().get_all("set-cookie").iter().cloned().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(answer.text().await.expect("a body"), "text");
    let binary = get(&harness, "/binary").await;
    assert_eq!(binary.headers()["content-type"], "image/png");
    assert_eq!(&binary.bytes().await.expect("a body")[..], [0, 159, 255]);
}

#[tokio::test]
async fn what_the_template_lacks_is_not_found() {
    let harness = Harness::start().await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/answer/"),
        (Method::GET, "/echo"),
        (Method::GET, "/echo/"),
        (Method::POST, "/answer"),
        (Method::POST, "/health"),
        (Method::GET, "/ws/"),
        (Method::POST, "/ws"),
    ] {
        let request = Client::new().request(method, harness.url(path));
        let response = request.send().await.expect("an answer");
        assert!(!response.headers().contains_key("allow"), "{path}");
        assert!(response.headers().contains_key("apigw-requestid"), "{path}");
        expect_message(response, 404, "Not Found").await;
    }
    for path in ["/answer", "/health", "/ws"] {
        let head = Client::new().head(harness.url(path)).send().await.expect("an answer");
        assert_eq!(head.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_function_without_a_body_for_head_claims_no_length() {
    let harness = Harness::start().await;
    let request = Client::new().head(harness.url("/echo/x"));
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(!response.headers().contains_key("content-length"));
}

#[tokio::test]
async fn a_panic_is_one_failed_request() {
    let harness = Harness::start().await;
    expect_message(get(&harness, "/panic").await, 500, "Internal Server Error").await;
    assert_eq!(get(&harness, "/answer").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_unavailable() {
    let http = HttpOptions {
        integration_timeout: Duration::from_millis(50),
        ..HttpOptions::default()
    };
    let harness = Harness::start_with(Options {
        http,
        ..Options::default()
    })
    .await;
    expect_message(get(&harness, "/never").await, 503, "Service Unavailable").await;
}

#[tokio::test]
async fn a_function_goes_on_when_its_client_hangs_up() {
    let mut harness = Harness::start().await;
    let mut client = harness.tcp().await;
    client
        .write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("a request");
    assert_eq!(harness.next_event().await, "slow begins");
    drop(client);
    assert_eq!(harness.next_event().await, "slow is done");
}

#[tokio::test]
async fn a_preflight_is_answered_by_the_gateway() {
    let harness = Harness::start().await;
    for path in ["/echo/x", "/health", "/ws"] {
        let preflight = Client::new()
            .request(Method::OPTIONS, harness.url(path))
            .header("origin", "https://page.example")
            .header("access-control-request-method", "PUT");
        let response = preflight.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::NO_CONTENT, "{path}");
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        assert_eq!(response.headers()["access-control-allow-methods"], "GET,PUT");
        assert_eq!(response.headers()["access-control-allow-headers"], "authorization");
        assert_eq!(response.headers()["access-control-max-age"], "60");
    }
}

#[tokio::test]
async fn the_gateways_cors_takes_the_place_of_the_functions() {
    let origins = vec!["https://page.example".to_owned()];
    let options = Options {
        cors_origins: Some(origins),
        ..Options::default()
    };
    let harness = Harness::start_with(options).await;
    let from = |origin: &'static str, path: &str| Client::new().get(harness.url(path)).header("origin", origin).send();
    for path in ["/answer", "/nowhere"] {
        let response = from("https://page.example", path).await.expect("an answer");
        assert_eq!(
            response.headers()["access-control-allow-origin"],
            "https://page.example",
            "{path}"
        );
        assert_eq!(response.headers()["access-control-expose-headers"], "Link", "{path}");
        let response = from("https://other.example", path).await.expect("an answer");
        assert!(
            !response.headers().contains_key("access-control-allow-origin"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_whose_request_it_is() {
    let address = "127.0.0.1".parse().expect("an address");
    for (trusted_proxies, expected) in [(vec![address], "198.51.100.9"), (vec![], "127.0.0.1")] {
        let harness = Harness::start_with(Options {
            trusted_proxies,
            ..Options::default()
        })
        .await;
        let request = Client::new()
            .get(harness.url("/echo/x"))
            .header("x-forwarded-for", "203.0.113.5, 198.51.100.9");
        let echo: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(echo["context"]["http"]["sourceIp"], expected);
    }
}

#[tokio::test]
async fn health_is_the_databases() {
    let harness = Harness::start().await;
    let response = get(&harness, "/health").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body, json!({"status": "ok", "database": "ok"}));
    harness.healthy.store(false, Ordering::Relaxed);
    let response = get(&harness, "/health").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body, json!({"status": "unavailable", "database": "unavailable"}));
}
