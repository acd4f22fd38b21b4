//! The form of a request that a signature is made of.

use http::HeaderMap;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sha2::{Digest, Sha256};

/// What is encoded in a path. It is encoded as it was sent, so `%` is encoded a second time: every service but S3 wants that.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// The digest of the canonical request, whose lines are method, path, query, the signed headers, their names, and the digest
/// of the body.
pub(super) fn digest(head: &Parts, signed_headers: &str, body: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(head.method.as_str());
    digest.update("\n");
    for part in percent_encode(head.uri.path().as_bytes(), PATH) {
        digest.update(part);
    }
    digest.update("\n");
    digest.update(query(head.uri.query().unwrap_or_default()));
    digest.update("\n");
    for name in signed_headers.split(';') {
        digest.update(name);
        digest.update(":");
        digest.update(header(&head.headers, name));
        digest.update("\n");
    }
    digest.update("\n");
    digest.update(signed_headers);
    digest.update("\n");
    digest.update(hex::encode(Sha256::digest(body)));
    digest.finalize().into()
}

/// A query's parameters in order.
fn query(query: &str) -> String {
    let mut parameters: Vec<(&str, &str)> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
        .collect();
    parameters.sort_unstable();
    let parameters: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    parameters.join("&")
}

/// A header's values, joined by commas, with single blanks only.
fn header(headers: &HeaderMap, name: &str) -> Vec<u8> {
    let values: Vec<Vec<u8>> = headers
        .get_all(name)
        .iter()
        .map(|value| with_single_blanks(value.as_bytes()))
        .collect();
    values.join(&b","[..])
}

fn with_single_blanks(value: &[u8]) -> Vec<u8> {
    let words: Vec<&[u8]> = value
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .collect();
    words.join(&b" "[..])
}
