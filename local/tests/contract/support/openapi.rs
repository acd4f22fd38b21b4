use std::sync::LazyLock;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::Extensions;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Request, Response, StatusCode};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Next};
use serde_json::{Value, json};

use super::document::{Document, members};

/// The REST half of the contract.
pub static OPENAPI: LazyLock<Document> = LazyLock::new(|| Document::open("docs/openapi.yaml"));

/// Headers that the document does not list: those of the connection, and the gateway's for pages of other origins, which it tells of in its description.
const TRANSPORT: [&str; 5] = ["connection", "content-length", "date", "transfer-encoding", "vary"];
const CORS: &str = "access-control-";

/// A client each of whose answers is held against the document, whichever way a test asks.
pub fn http_client() -> ClientWithMiddleware {
    // Linked with TLS for the download of Postgres, the client wants a provider though no test uses TLS; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    ClientBuilder::new(Client::new()).with(ask_and_check).build()
}

fn ask_and_check<'a>(
    request: Request,
    extensions: &'a mut Extensions,
    next: Next<'a>,
) -> BoxFuture<'a, reqwest_middleware::Result<Response>> {
    async move {
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let mut response = next.run(request, extensions).await?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let body = response.bytes().await?;
        if let Err(fault) = check_answer(&method, &path, status, &headers, &body) {
            panic!("{method} {path} {status}: {fault}");
        }
        let mut answer = http::Response::new(body);
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer.into())
    }
    .boxed()
}

/// Holds an answer against what the document says of its request.
///
/// # Errors
/// Whatever the document does not have.
pub fn check_answer(
    method: &Method,
    path: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), String> {
    let (operation, responses) = responses_to(method, path);
    let response = OPENAPI.resolve(&responses[status.as_str()]);
    if response.is_null() {
        return Err(format!("the document has no {status} for {operation}"));
    }
    let place = format!("{operation} {status}");
    check_headers(&place, &response["headers"], headers)?;
    if *method == Method::HEAD {
        return Ok(());
    }
    check_body(&place, &response["content"], headers, body)
}

/// The operation that a request is for, with its responses by status.
fn responses_to(method: &Method, path: &str) -> (String, &'static Value) {
    let paths = members(&OPENAPI.root()["paths"]);
    let method = method.as_str().to_lowercase();
    let operation = paths
        .filter(|(template, item)| matches(template, path) && item.get(&method).is_some())
        .map(|(template, item)| (format!("{method} {template}"), &item[&method]["responses"]))
        .next();
    let elsewhere = &OPENAPI.root()["x-any-other-request"]["responses"];
    operation.unwrap_or_else(|| ("any other request".to_owned(), elsewhere))
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template
            .zip(path)
            .all(|(pattern, segment)| pattern == segment || pattern.starts_with('{') && !segment.is_empty())
}

fn check_headers(place: &str, documented: &Value, headers: &HeaderMap) -> Result<(), String> {
    for (name, header) in members(documented) {
        let header = OPENAPI.resolve(header);
        let Some(value) = headers.get(name) else {
            if header["required"] == true {
                return Err(format!("{place} lacks the header {name}"));
            }
            continue;
        };
        let text = value.to_str().map_err(|error| format!("{place}, {name}: {error}"))?;
        let number = text
            .parse::<u64>()
            .ok()
            .filter(|_| header["schema"]["type"] == "integer");
        let value = number.map_or_else(|| json!(text), |number| json!(number));
        OPENAPI.check(&format!("{place}, {name}"), &header["schema"], &value)?;
    }
    let is_documented = |name: &str| members(documented).any(|(documented, _)| documented.eq_ignore_ascii_case(name));
    let mut names = headers.keys().map(http::HeaderName::as_str);
    let unknown = names.find(|name| {
        !(TRANSPORT.contains(name) || *name == "content-type" || name.starts_with(CORS) || is_documented(name))
    });
    unknown.map_or(Ok(()), |name| Err(format!("{place} does not have the header {name}")))
}

fn check_body(place: &str, content: &Value, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    let media_type = headers
        .get("content-type")
        .map(|value| value.to_str().unwrap_or_default());
    let Some(media_type) = media_type else {
        let is_empty = content.is_null() && body.is_empty();
        return if is_empty {
            Ok(())
        } else {
            Err(format!("{place}: no content-type"))
        };
    };
    let schema = &content[media_type]["schema"];
    if schema.is_null() {
        return Err(format!("{place} does not have the media type {media_type}"));
    }
    let body = serde_json::from_slice(body).map_err(|error| format!("{place}: {error}"))?;
    OPENAPI.check(&format!("{place}, {media_type}"), schema, &body)
}
