//! The examples of both documents: that they are there, and that they are what their schemas say.

use serde_json::{Value, json};

use crate::support::{ASYNCAPI, OPENAPI, for_each_child, members};

/// Calls `visit` with each value that has a schema and may have examples, and where it stands: bodies, parameters, headers.
fn for_each_described<'a>(place: &str, value: &'a Value, visit: &mut impl FnMut(&str, &'a Value)) {
    if value.get("schema").is_some() {
        visit(place, value);
    }
    for_each_child(value, |key, child| {
        for_each_described(&format!("{place}/{key}"), child, visit);
    });
}

fn examples(described: &Value) -> Vec<&Value> {
    let named = members(&described["examples"]).map(|(_, example)| &example["value"]);
    described.get("example").into_iter().chain(named).collect()
}

#[test]
fn every_body_parameter_and_header_has_an_example_that_its_schema_allows() {
    let mut count = 0;
    for_each_described("", OPENAPI.root(), &mut |place, described| {
        let examples = examples(described);
        assert!(!examples.is_empty(), "no example: {place}");
        for example in examples {
            OPENAPI.check(place, &described["schema"], example).unwrap();
            count += 1;
        }
    });
    assert!(count > 50, "{count}");
}

#[test]
fn every_message_has_an_example_that_its_payload_allows() {
    for (name, message) in members(&ASYNCAPI.root()["components"]["messages"]) {
        let examples = message["examples"]
            .as_array()
            .unwrap_or_else(|| panic!("no example: {name}"));
        assert!(!examples.is_empty(), "no example: {name}");
        for example in examples {
            ASYNCAPI.check(name, &message["payload"], &example["payload"]).unwrap();
        }
    }
}

#[test]
fn every_error_frame_has_an_example() {
    let components = &ASYNCAPI.root()["components"];
    let examples = components["messages"]["Error"]["examples"].as_array().unwrap();
    let shown: Vec<_> = examples.iter().map(|example| &example["payload"]["code"]).collect();
    for code in components["schemas"]["ErrorCode"]["enum"].as_array().unwrap() {
        assert!(shown.contains(&code), "no example: {code}");
    }
}

#[test]
fn an_example_that_its_schema_forbids_would_be_noticed() {
    let edit = &OPENAPI.root()["components"]["requestBodies"]["Edit"]["content"]["application/json"]["schema"];
    assert_eq!(OPENAPI.check("an edit", edit, &json!({"content": "x"})), Ok(()));
    assert!(OPENAPI.check("an edit", edit, &json!({"content": " "})).is_err());
    assert!(OPENAPI.check("an edit", edit, &json!({"contents": "x"})).is_err());
}
