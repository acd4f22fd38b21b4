//! The HTTP API and the gateway's own route.

use std::sync::atomic::Ordering;
use std::time::Duration;

use local::gateway::{HttpOptions, Options};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Harness, in_time};

async fn get(harness: &Harness, path: &str) -> Response {
    reqwest::get(harness.url(path)).await.expect("an answer")
}

async fn expect_message(response: Response, status: u16, message: &str) {
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
async fn a_body_over_the_limit_is_refused_and_the_client_hears_so() {
    let harness = Harness::start().await;
    let limit = HttpOptions::default().max_body_size;
    let post = |body: reqwest::Body| Client::new().post(harness.url("/size")).body(body).send();
    let largest = post(vec![b'x'; limit].into()).await.expect("an answer");
    assert_eq!(largest.text().await.expect("a body"), limit.to_string());
    let declared = post(vec![b'x'; limit + 1].into()).await.expect("an answer");
    expect_message(declared, 413, "Request Entity Too Large").await;
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_before_it_sends() {
    let harness = Harness::start().await;
    let mut client = harness.tcp().await;
    let request = b"POST /size HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\nexpect: 100-continue\r\n\r\n";
    client.write_all(request).await.expect("a request");
    assert!(read_to_end(client).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_large_body_for_nobody_is_not_found() {
    let harness = Harness::start().await;
    let request = Client::new()
        .post(harness.url("/nowhere"))
        .body(vec![b'x'; 5 * 1024 * 1024]);
    expect_message(request.send().await.expect("an answer"), 404, "Not Found").await;
}

#[tokio::test]
async fn a_chunked_body_over_the_limit_is_refused() {
    let http = HttpOptions {
        max_body_size: 10,
        ..HttpOptions::default()
    };
    let harness = Harness::start_with(Options {
        http,
        ..Options::default()
    })
    .await;
    let mut client = harness.tcp().await;
    let request = b"POST /size HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
        8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n";
    client.write_all(request).await.expect("a request");
    assert!(read_to_end(client).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn bodies_beyond_what_the_gateway_holds_are_throttled_until_others_are_done() {
    let http = HttpOptions {
        body_memory: 1000,
        ..HttpOptions::default()
    };
    let harness = Harness::start_with(Options {
        http,
        ..Options::default()
    })
    .await;
    let post = |size| Client::new().post(harness.url("/size")).body(vec![b'x'; size]).send();
    let mut slow = harness.tcp().await;
    let head = "POST /size HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000\r\n\r\n";
    slow.write_all(head.as_bytes()).await.expect("a head");
    slow.write_all(&[b'x'; 900]).await.expect("most of a body");
    let throttled = async {
        loop {
            // Until the gateway has read that much.
            let answer = post(200).await.expect("an answer");
            if answer.status() != StatusCode::OK {
                return answer;
            }
        }
    };
    expect_message(in_time(throttled).await, 429, "Too Many Requests").await;
    assert_eq!(
        post(100).await.expect("an answer").status(),
        StatusCode::OK,
        "what fits"
    );
    slow.write_all(&[b'x'; 100]).await.expect("the rest");
    assert!(read_to_end(slow).await.ends_with("1000"));
    assert_eq!(post(200).await.expect("an answer").status(), StatusCode::OK);
}

#[tokio::test]
async fn a_head_over_the_limit_is_refused() {
    let harness = Harness::start().await;
    let with = |size| {
        Client::new()
            .get(harness.url("/answer"))
            .header("x-long", "x".repeat(size))
            .send()
    };
    assert_eq!(with(9_000).await.expect("an answer").status(), StatusCode::OK);
    expect_message(
        with(10_240).await.expect("an answer"),
        431,
        "Request Header Fields Too Large",
    )
    .await;
}

#[tokio::test]
async fn a_client_that_dawdles_is_cut_off() {
    let http = HttpOptions {
        header_timeout: Duration::from_millis(100),
        body_timeout: Duration::from_millis(100),
        ..HttpOptions::default()
    };
    let harness = Harness::start_with(Options {
        http,
        ..Options::default()
    })
    .await;
    for (start, expected) in [
        ("", ""),
        ("GET /answer HTTP/1.1\r\nhost:", ""),
        (
            "POST /size HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx",
            "HTTP/1.1 408 ",
        ),
    ] {
        let mut client = harness.tcp().await;
        client.write_all(start.as_bytes()).await.expect("a beginning");
        let answer = read_to_end(client).await;
        assert!(answer.starts_with(expected), "{answer}");
    }
}

#[tokio::test]
async fn a_request_for_no_proper_host_is_refused() {
    let harness = Harness::start().await;
    for host in ["a b", "xn--", "a.0x1", "[::zz]", "x:99999", "a\r\nhost: b:99999"] {
        let mut client = harness.tcp().await;
        let request = format!("GET /answer HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.expect("a request");
        let answer = read_to_end(client).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{host}: {answer}");
        assert!(answer.ends_with(r#"{"message":"Bad Request"}"#), "{host}: {answer}");
    }
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

async fn read_to_end(mut client: tokio::net::TcpStream) -> String {
    let mut answer = Vec::new();
    in_time(client.read_to_end(&mut answer)).await.expect("an answer");
    String::from_utf8(answer).expect("text")
}
