//! How API Gateway writes ids, times, paths and queries.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use chrono::{DateTime, Utc};
use http::HeaderValue;
use percent_encoding::percent_decode_str;

/// Random bytes of an id: 11 make the 16 characters that end in `=`.
const ID_BYTES: usize = 11;

/// An id of the shape that API Gateway gives to requests, messages and connections.
pub(super) fn fresh_id() -> String {
    URL_SAFE.encode(rand::random::<[u8; ID_BYTES]>())
}

/// A trace id as X-Ray writes it, which begins with the time in seconds.
pub(super) fn fresh_trace_id(time: DateTime<Utc>) -> String {
    let random = rand::random::<u128>() >> 32;
    format!("Root=1-{:08x}-{random:024x}", time.timestamp())
}

/// A time as events write it: `16/Mar/2025:00:46:22 +0000`.
pub(super) fn request_time(time: DateTime<Utc>) -> String {
    time.format("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

/// A header's value as text; bytes beyond ASCII are read as UTF-8 where they are.
pub(super) fn header_text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// A header's value as an event can hold it, which is JSON and so text.
pub(super) fn text_value(value: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(header_text(value).as_bytes()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A path or a part of it with its percent-encoding undone.
pub(super) fn decode_path(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// A query's parameters, decoded, in order.
pub(super) fn query_parameters(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// A query's parameters, decoded; the values of a repeated one joined by commas.
pub(super) fn joined_query_parameters(query: &str) -> HashMap<String, String> {
    let mut joined: HashMap<String, String> = HashMap::new();
    for (name, value) in query_parameters(query) {
        joined
            .entry(name)
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert(value);
    }
    joined
}

/// Bytes as standard base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes that a standard base64 text stands for, if it is one.
pub(super) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_have_sixteen_characters_and_end_in_a_padding() {
        let id = fresh_id();
        assert_eq!(id.len(), 16);
        assert!(id.ends_with('=') && !id.ends_with("=="), "{id}");
        assert!(!id.contains(['+', '/']), "{id}");
        assert_ne!(id, fresh_id());
    }

    #[test]
    fn times_are_written_as_in_access_logs() {
        let time = DateTime::from_timestamp(1_742_085_982, 0).expect("a time");
        assert_eq!(request_time(time), "16/Mar/2025:00:46:22 +0000");
    }

    #[test]
    fn repeated_query_parameters_are_joined_by_commas() {
        let joined = joined_query_parameters("a=1&b=x%20y+z&a=2&c");
        assert_eq!(joined["a"], "1,2");
        assert_eq!(joined["b"], "x y z");
        assert_eq!(joined["c"], "");
    }

    proptest! {
        #[test]
        fn decoding_never_fails_on_what_clients_send(text in ".*") {
            decode_path(&text);
            query_parameters(&text);
            joined_query_parameters(&text);
        }

        #[test]
        fn an_encoded_path_decodes_to_what_it_was(text in "\\PC*") {
            let encoded = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string();
            prop_assert_eq!(decode_path(&encoded), text);
        }

        #[test]
        fn an_encoded_query_decodes_to_what_it_was(name in "\\PC+", value in "\\PC*") {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
            prop_assert_eq!(query_parameters(&query), [(name, value)]);
        }
    }
}
