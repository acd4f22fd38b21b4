use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::Problem;
use crate::fields::Fields;

/// The largest body that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// A JSON object from the request's body, whose members are taken out one by one.
#[derive(Debug)]
pub struct JsonObject(pub Fields);

impl<S: Sync> FromRequest<S> for JsonObject {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        parse(&read(request).await?).map(Self)
    }
}

/// As [`JsonObject`], for calls whose members may all be missing: then the body may be, too.
#[derive(Debug)]
pub struct OptionalJsonObject(pub Fields);

impl<S: Sync> FromRequest<S> for OptionalJsonObject {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let body = read(request).await?;
        if body.is_empty() {
            return Ok(Self(Fields::new(Map::new())));
        }
        parse(&body).map(Self)
    }
}

async fn read(request: Request) -> Result<Bytes, Problem> {
    check_media_type(request.headers())?;
    let body = axum::body::to_bytes(request.into_body(), MAX_BYTES).await;
    body.map_err(|_| too_large())
}

fn parse(body: &[u8]) -> Result<Fields, Problem> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(Fields::new(members)),
        Ok(_) => Err(not_json("The body is JSON, but not an object.")),
        // serde_json says where it stopped, and quotes at most one character.
        Err(error) => Err(not_json(format!("The body is not JSON: {error}."))),
    }
}

/// No media type and `text/plain` are read as JSON.
fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let value = value.to_str().unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json =
        matches!(essence.as_str(), "" | "application/json" | "text/json" | "text/plain") || essence.ends_with("+json");
    if is_json {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        format!("The body must be application/json, not {essence}."),
    ))
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "payload_too_large",
        format!("The body is larger than {MAX_BYTES} bytes."),
    )
}

fn not_json(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_json", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(media_type: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, media_type.parse().unwrap());
        check_media_type(&headers).is_ok()
    }

    #[test]
    fn json_in_all_its_names_is_read_and_nothing_else() {
        assert!(check_media_type(&HeaderMap::new()).is_ok());
        for media_type in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "text/plain",
            "application/merge-patch+json",
            "",
        ] {
            assert!(accepts(media_type), "{media_type:?}");
        }
        for media_type in [
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
            "json",
        ] {
            assert!(!accepts(media_type), "{media_type:?}");
        }
    }
}
