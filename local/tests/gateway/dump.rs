//! Temporary: raw answers.
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Harness, TEMPLATE};
use local::gateway::{Options, QueueLimits};

#[tokio::test]
async fn dump() {
    let mut out = String::new();
    let without_cors = TEMPLATE.replace("AllowOrigins", "NoOrigins");
    let with_default = TEMPLATE.replace(
        "Size: {Type: HttpApi, Properties: {Method: POST, Path: /size}}",
        "Size: {Type: HttpApi, Properties: {Method: POST, Path: /size}}\n        Default: {Type: HttpApi}",
    );
    let no_cors_default = with_default.lines().filter(|l| !l.contains("Cors") && !l.contains("{AllowOrigins")).map(|l| if l.contains("Type: AWS::Serverless::HttpApi") { l.to_owned() } else { l.to_owned() }).collect::<Vec<_>>().join("\n").replace("    Type: AWS::Serverless::HttpApi\n    Properties:\n", "    Type: AWS::Serverless::HttpApi\n");
    for (name, template) in [("plain", TEMPLATE.to_owned()), ("origins", without_cors), ("default", with_default), ("nocors", no_cors_default)] {
        let harness = Harness::start_from(&template, Options::default(), QueueLimits::default()).await;
        let up = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let mut requests: Vec<String> = Vec::new();
        for method in ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "FOO", "get"] {
            for path in ["/health", "/ws", "/answer", "/nowhere", "/health/", "/ws/", "//ws", "/echo/a%2fb?x=1", "/healt%68", "/health?x", "/binary", "/panic"] {
                if method == "CONNECT" { continue; }
                requests.push(format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: https://a.example\r\n\r\n"));
            }
            requests.push(format!("{method} /ws?status=403 HTTP/1.1\r\nhost: x\r\n{up}\r\n"));
            requests.push(format!("{method} /ws HTTP/1.1\r\nhost: x\r\n{up}\r\n"));
            requests.push(format!("{method} http://other.example/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
            requests.push(format!("{method} /health HTTP/1.0\r\n\r\n"));
            requests.push(format!("{method} /echo/x HTTP/1.0\r\n\r\n"));
        }
        requests.push("CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n".into());
        requests.push("OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".into());
        requests.push("GET * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".into());
        requests.push("GET /health HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n".into());
        requests.push("POST /size HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".into());
        requests.push("POST /size HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\nabc".into());
        requests.push("POST /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc".into());
        requests.push("GET /ws?protocol=b HTTP/1.1\r\nhost: x\r\nsec-websocket-protocol: a, b\r\n".to_owned() + up + "\r\n");
        requests.push("GET /ws HTTP/1.1\r\nhost: x\r\nconnection: close\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".into());
        for request in requests {
            let mut client = harness.tcp().await;
            client.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            let _ = tokio::time::timeout(std::time::Duration::from_millis(150), async {
                loop {
                    let mut buffer = [0; 4096];
                    match client.read(&mut buffer).await { Ok(0) | Err(_) => break, Ok(n) => answer.extend_from_slice(&buffer[..n]) }
                }
                answer.extend_from_slice(b"<EOF>");
            }).await;
            let mut answer = String::from_utf8_lossy(&answer).into_owned();
            let mut lines: Vec<String> = answer.split("\r\n").map(|l| {
                if l.starts_with("date:") { "date".into() } else if l.starts_with("apigw-requestid") { "apigw-requestid".into() } else { l.to_owned() }
            }).collect();
            let end = lines.iter().position(String::is_empty).unwrap_or(lines.len());
            lines[..end].sort();
            answer = lines.join("\n");
            let mut text = String::new();
            for part in answer.split(['"']) {
                if part.len() == 16 && part.ends_with('=') || part.parse::<u64>().is_ok() { text.push_str("ID"); } else { text.push_str(part); }
                text.push('"');
            }
            out.push_str(&format!("### {name}\n>>> {request}<<< {text}\n"));
        }
    }
    std::fs::write(std::env::var("DUMP").unwrap_or("/tmp/dump.txt".into()), out).unwrap();
}
