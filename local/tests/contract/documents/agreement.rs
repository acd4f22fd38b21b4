//! What the documents say, held against the template, `docs/errors.md`, and each other.

use std::collections::BTreeSet;

use local::template::Template;
use serde_json::Value;

use crate::support::{ASYNCAPI, OPENAPI, for_each_child, members, parse_yaml, read};

#[test]
fn every_operation_is_a_route_and_every_route_an_operation() {
    let template = Template::parse(&read("template.yaml")).unwrap();
    let routes = template
        .http_routes
        .iter()
        .map(|route| format!("{} {}", route.method, route.path));
    let own = [
        "GET /health".to_owned(),
        format!("GET /{}", template.websocket.stage_name),
    ];
    let routes: BTreeSet<String> = routes.chain(own).collect();
    let mut operations = BTreeSet::new();
    for (path, item) in members(&OPENAPI.root()["paths"]) {
        let methods = members(item).filter(|(key, _)| *key != "parameters");
        operations.extend(methods.map(|(method, _)| format!("{} {path}", method.to_uppercase())));
    }
    assert_eq!(operations, routes);
    let address = &ASYNCAPI.root()["channels"]["socket"]["address"];
    assert_eq!(*address, format!("/{}", template.websocket.stage_name));
}

/// The rows of the first table below a heading: the texts of their cells, without backticks.
fn table(heading: &str) -> Vec<Vec<String>> {
    let errors = read("docs/errors.md");
    let mut sections = errors.split("\n## ");
    let section = sections.find_map(|section| section.strip_prefix(heading)).unwrap();
    let lines = section.lines().skip_while(|line| !line.starts_with("| "));
    let rows = lines.take_while(|line| line.starts_with("| "));
    rows.skip(2).map(cells).collect()
}

fn cells(row: &str) -> Vec<String> {
    let cells = row.trim_matches('|').split('|');
    cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
}

/// Each status with a code that a schema pairs it with.
fn collect_problems(value: &Value, problems: &mut BTreeSet<(String, String)>) {
    if let (Some(status), Some(code)) = (value["status"].get("const"), value["code"]["const"].as_str()) {
        problems.insert((status.to_string(), code.to_owned()));
    }
    for_each_child(value, |_, child| collect_problems(child, problems));
}

#[test]
fn every_code_of_a_problem_stands_in_errors_md_with_its_status_and_the_other_way_round() {
    let mut problems = BTreeSet::new();
    collect_problems(OPENAPI.root(), &mut problems);
    let listed = table("REST")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    assert_eq!(problems, listed);
}

#[test]
fn every_code_of_an_error_frame_stands_in_errors_md_and_the_other_way_round() {
    let codes = ASYNCAPI.root()["components"]["schemas"]["ErrorCode"]["enum"]
        .as_array()
        .unwrap();
    let codes: BTreeSet<_> = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    let listed = table("Frames").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(codes, listed);
}

#[test]
fn every_answer_of_the_gateways_own_stands_in_errors_md_and_the_other_way_round() {
    let mut messages = BTreeSet::new();
    collect_messages(OPENAPI.root(), &mut messages);
    for row in table("What the gateway answers itself") {
        let message: Value = serde_json::from_str(&row[1]).unwrap();
        let message = message["message"].as_str().unwrap();
        assert!(messages.remove(message), "{message} is in errors.md only");
    }
    // What errors.md has in sentences instead: refused handshakes, and what only the cloud does.
    messages.retain(|message| !["Unauthorized", "Bad Gateway", "Too Many Requests"].contains(&message.as_str()));
    assert_eq!(messages, BTreeSet::new());
}

/// The texts of examples of the gateway's own answers.
fn collect_messages(value: &Value, messages: &mut BTreeSet<String>) {
    if let Some(message) = value["value"]["message"].as_str() {
        messages.insert(message.to_owned());
    }
    for_each_child(value, |_, child| collect_messages(child, messages));
}

#[test]
fn what_both_documents_define_is_the_same_in_both() {
    let schemas = &ASYNCAPI.root()["components"]["schemas"];
    let mut shared = members(&OPENAPI.root()["components"]["schemas"]).filter(|(name, _)| schemas.get(name).is_some());
    let same = shared
        .by_ref()
        .inspect(|(name, schema)| assert_eq!(**schema, schemas[name], "{name}"));
    assert!(same.count() >= 5);
}

#[test]
fn no_document_forbids_members_that_it_does_not_know() {
    for path in ["docs/openapi.yaml", "docs/asyncapi.yaml"] {
        let document = parse_yaml(&read(path)).to_string();
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            assert!(!document.contains(keyword), "{keyword}");
        }
    }
}
