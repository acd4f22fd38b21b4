//! What a client may send over HTTP, and how long it may take.

use std::time::Duration;

use local::gateway::{HttpOptions, Options};
use reqwest::{Client, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Harness, in_time};
use crate::http::expect_message;

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
        header_timeout: Duration::from_millis(500),
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

async fn read_to_end(mut client: tokio::net::TcpStream) -> String {
    let mut answer = Vec::new();
    in_time(client.read_to_end(&mut answer)).await.expect("an answer");
    String::from_utf8(answer).expect("text")
}
