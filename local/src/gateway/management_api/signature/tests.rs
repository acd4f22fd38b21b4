//! Signatures as the Rust SDK's own signer makes them, and what may be wrong with one.

use std::time::{Duration, SystemTime};

use aws_sdk_apigatewaymanagement::config::Credentials as SdkCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use proptest::prelude::*;
use shared::clock::FixedClock;

use super::*;

const ID: &str = "AKIDEXAMPLE";
const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const NOW: i64 = 1_742_085_982;
const URI: &str = "http://127.0.0.1:8080/ws/@connections/L0SM9cOFvHcCIhw%3D";

fn verifier_at(seconds: i64) -> Verifier {
    Verifier::new(Credentials::new(ID, KEY), Arc::new(FixedClock::at(seconds)))
}

/// What a request is signed with.
struct Signer {
    id: &'static str,
    key: &'static str,
    token: Option<String>,
    region: &'static str,
    service: &'static str,
}

impl Default for Signer {
    fn default() -> Self {
        Self {
            id: ID,
            key: KEY,
            token: None,
            region: "eu-central-1",
            service: Scope::SERVICE,
        }
    }
}

impl Signer {
    /// The head of a request as it arrives, signed by the SDK's signer.
    fn sign(&self, uri: &str, headers: &[(&str, &str)], body: &[u8]) -> Parts {
        let identity = SdkCredentials::new(self.id, self.key, self.token.clone(), None, "test").into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs()))
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let signable = SignableRequest::new("POST", uri, headers.iter().copied(), SignableBody::Bytes(body)).unwrap();
        let (instructions, _) = sign(signable, &params.into()).unwrap().into_parts();
        let mut request = Request::post(uri).body(()).unwrap();
        for (name, value) in headers {
            append(request.headers_mut(), name, value);
        }
        instructions.apply_to_request_http1x(&mut request);
        let (mut head, ()) = request.into_parts();
        let authority = head.uri.authority().unwrap().to_string();
        append(&mut head.headers, "host", &authority);
        head.uri = head.uri.path_and_query().unwrap().as_str().parse().unwrap();
        head
    }
}

fn append(headers: &mut HeaderMap, name: &str, value: &str) {
    let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
    headers.append(name, HeaderValue::from_str(value).unwrap());
}

fn verify_at(seconds: i64, head: &Parts, body: &[u8]) -> Result<(), ApiError> {
    let verifier = verifier_at(seconds);
    let claim = verifier.examine(head)?;
    verifier.confirm(&claim, head, body)
}

fn verify(head: &Parts, body: &[u8]) -> Result<(), ApiError> {
    verify_at(NOW, head, body)
}

fn signed() -> Parts {
    Signer::default().sign(URI, &[("content-type", "application/octet-stream")], b"{}")
}

/// A request whose `authorization` is changed.
fn with_authorization(change: impl FnOnce(&str) -> String) -> Parts {
    let mut head = signed();
    let changed = change(head.headers["authorization"].to_str().unwrap());
    head.headers.insert("authorization", changed.parse().unwrap());
    head
}

/// The type of the refusal.
fn refusal(outcome: Result<(), ApiError>) -> &'static str {
    outcome.unwrap_err().kind()
}

#[test]
fn a_signed_request_is_accepted_with_a_session_token_too() {
    assert_eq!(verify(&signed(), b"{}"), Ok(()));
    let signer = Signer {
        token: Some("a session's token".to_owned()),
        ..Signer::default()
    };
    assert_eq!(verify(&signer.sign(URI, &[], b""), b""), Ok(()));
}

#[test]
fn a_request_that_was_changed_is_refused() {
    let assert_refused = |what: &str, head: &Parts, body: &[u8]| {
        assert_eq!(refusal(verify(head, body)), "InvalidSignatureException", "{what}");
    };
    assert_refused("body", &signed(), b"{} ");
    let mut head = signed();
    head.method = http::Method::DELETE;
    assert_refused("method", &head, b"{}");
    for uri in [
        "/ws/@connections/another%3D",
        "/ws/@connections/L0SM9cOFvHcCIhw=",
        "/ws/@connections/L0SM9cOFvHcCIhw%3D?x",
    ] {
        let mut head = signed();
        head.uri = uri.parse().unwrap();
        assert_refused(uri, &head, b"{}");
    }
    for header in ["host", "content-type"] {
        let mut head = signed();
        head.headers.insert(header, HeaderValue::from_static("another"));
        assert_refused(header, &head, b"{}");
        head.headers.remove(header);
        assert_refused(header, &head, b"{}");
    }
}

#[test]
fn another_key_or_signer_is_refused() {
    let other_key = Signer {
        key: "another",
        ..Signer::default()
    };
    assert_eq!(
        refusal(verify(&other_key.sign(URI, &[], b""), b"")),
        "InvalidSignatureException"
    );
    let other_id = Signer {
        id: "ANOTHER",
        ..Signer::default()
    };
    assert_eq!(
        refusal(verify(&other_id.sign(URI, &[], b""), b"")),
        "UnrecognizedClientException"
    );
    let other_service = Signer {
        service: "s3",
        ..Signer::default()
    };
    assert_eq!(
        refusal(verify(&other_service.sign(URI, &[], b""), b"")),
        "IncompleteSignatureException"
    );
}

#[test]
fn a_signature_is_good_for_five_minutes_around_its_time() {
    for off in [-300, 0, 300] {
        assert_eq!(verify_at(NOW + off, &signed(), b"{}"), Ok(()), "{off}");
    }
    for (off, word) in [(301, "expired"), (-301, "not yet current")] {
        let error = verify_at(NOW + off, &signed(), b"{}").unwrap_err();
        assert_eq!(error.kind(), "InvalidSignatureException");
        assert!(error.message().contains(word), "{}", error.message());
    }
}

#[test]
fn what_is_not_signed_or_not_properly_is_told() {
    let mut head = signed();
    head.headers.remove("authorization");
    assert_eq!(refusal(verify(&head, b"{}")), "MissingAuthenticationTokenException");
    for text in [
        "",
        "Bearer secret",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 Credential=secret",
        "AWS4-HMAC-SHA256 Credential=a/20250316/r/execute-api/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=a/20250316/r/execute-api/aws4_request, SignedHeaders=host, Signature=secret",
        "AWS4-HMAC-SHA256 Credential=a/20250316/r/execute-api/other, SignedHeaders=host, Signature=secret",
    ] {
        let error = verify(&with_authorization(|_| text.to_owned()), b"{}").unwrap_err();
        assert_eq!(error.kind(), "IncompleteSignatureException", "{text}");
        assert!(!error.message().contains("secret"), "{}", error.message());
    }
}

#[test]
fn host_and_date_must_be_signed() {
    for header in ["host", "x-amz-date"] {
        let head = with_authorization(|text| text.replace(header, "x-other"));
        let error = verify(&head, b"{}").unwrap_err();
        assert_eq!(error.kind(), "InvalidSignatureException");
        assert!(error.message().contains(header), "{}", error.message());
    }
}

#[test]
fn a_scope_of_another_day_and_a_date_that_is_none_are_refused() {
    for day in ["20250315", ""] {
        let head = with_authorization(|text| text.replace("20250316", day));
        assert_eq!(refusal(verify(&head, b"{}")), "InvalidSignatureException", "{day}");
    }
    for date in ["", "yesterday", "20250316T004622", "20251316T004622Z"] {
        let mut head = signed();
        head.headers.insert("x-amz-date", date.parse().unwrap());
        assert_eq!(refusal(verify(&head, b"{}")), "IncompleteSignatureException", "{date}");
    }
}

proptest! {
    #[test]
    fn whatever_the_sdk_signs_is_accepted(
        path in "(/[a-zA-Z0-9@=%_~+:,;!$&'()*-]{1,20}){1,4}",
        query in proptest::collection::btree_map("[a-z]{1,4}", "[a-zA-Z0-9_.~-]{0,4}", 0..4),
        value in "[ -~]{0,20}",
        body in proptest::collection::vec(any::<u8>(), 0..200),
        token in proptest::option::of("[a-zA-Z0-9+/=]{1,40}"),
    ) {
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let uri = format!("http://localhost:8080{path}?{}", query.join("&"));
        let signer = Signer { token, ..Signer::default() };
        let head = signer.sign(&uri, &[("x-amz-user-agent", &value), ("x-twice", "a"), ("x-twice", " b  c ")], &body);
        prop_assert_eq!(verify(&head, &body), Ok(()));
    }

    #[test]
    fn no_header_is_too_odd(text in "\\PC*", date in "\\PC*") {
        let mut head = signed();
        for (name, text) in [("authorization", format!("AWS4-HMAC-SHA256 {text}")), ("x-amz-date", date)] {
            let Ok(value) = HeaderValue::from_str(&text) else { return Ok(()) };
            head.headers.insert(name, value);
        }
        let outcome = verify(&head, b"{}");
        prop_assert!(outcome.is_err());
    }
}
