//! Who may call.

use reqwest::{Method, StatusCode};

use super::{Answer, connected, path, post};

#[tokio::test]
async fn a_call_that_a_web_page_or_a_proxy_passes_on_is_refused() {
    let (mut harness, mut client, id) = connected().await;
    let url = harness.url(&format!("/ws{}", path(&id)));
    for (header, value) in [
        ("origin", "http://localhost:3000"),
        ("origin", "null"),
        ("forwarded", "for=192.0.2.7"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "localhost"),
        ("host", "rebound.example"),
        ("host", "rebound.example:8080"),
        ("host", "10.0.0.1"),
    ] {
        for method in [Method::POST, Method::GET, Method::DELETE, Method::OPTIONS] {
            let request = reqwest::Client::new()
                .request(method, &url)
                .header(header, value)
                .body("x");
            let answer = Answer::of(request.send().await.expect("an answer")).await;
            answer.assert_error(403, "ForbiddenException");
        }
    }
    assert!(harness.is_quiet().await, "nobody was cut");
    post(&harness, &id, "first").await;
    assert_eq!(client.text().await, "first");
}

#[tokio::test]
async fn a_call_may_name_this_machine_in_any_way() {
    let (harness, mut client, id) = connected().await;
    let url = harness.url(&format!("/ws{}", path(&id)));
    for host in ["localhost", "localhost:8080", "LocalHost", "127.0.0.1:1", "[::1]:8080"] {
        let request = reqwest::Client::new().post(&url).header("host", host).body(host);
        assert_eq!(
            request.send().await.expect("an answer").status(),
            StatusCode::OK,
            "{host}"
        );
        assert_eq!(client.text().await, host);
    }
}
