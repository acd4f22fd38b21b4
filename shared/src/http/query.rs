use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde_json::{Map, Value};

use crate::fields::Fields;

/// The parameters of the query; an empty value counts as absent, and of several the first counts.
#[derive(Debug)]
pub struct Query(pub Fields);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parse(parts.uri.query().unwrap_or_default())))
    }
}

fn parse(query: &str) -> Fields {
    let mut parameters = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if !value.is_empty() {
            parameters
                .entry(name)
                .or_insert_with(|| Value::String(value.into_owned()));
        }
    }
    Fields::new(parameters)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(query: &str, name: &'static str) -> Option<String> {
        parse(query).optional(name, |text| Ok(text.to_owned())).unwrap()
    }

    #[test]
    fn an_empty_value_counts_as_absent() {
        assert_eq!(value("limit=&before=1", "limit"), None);
        assert_eq!(value("limit", "limit"), None);
        assert_eq!(value("limit=&limit=5", "limit").as_deref(), Some("5"));
    }

    #[test]
    fn values_are_decoded_and_the_first_counts() {
        assert_eq!(value("q=a%20b%2Bc&q=d", "q").as_deref(), Some("a b+c"));
    }

    proptest! {
        #[test]
        fn any_query_is_read(query in any::<String>()) {
            let _ = value(&query, "limit");
        }
    }
}
