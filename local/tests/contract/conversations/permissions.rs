//! `docs/permissions.md`, which is the one place where it stands who may do what: each call as each of them.

mod cells;
mod table;

use std::collections::BTreeSet;
use std::path::Path;

use local::template::Template;

use cells::Company;
use table::Table;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

#[test]
fn the_table_has_every_route_and_no_other() {
    let template = Template::parse(&read("template.yaml")).unwrap();
    let routes = template.http_routes.iter();
    let routes: BTreeSet<_> = routes.map(|route| format!("{} {}", route.method, route.path)).collect();
    let calls = Table::read(&read("docs/permissions.md"), "Calls");
    let listed: BTreeSet<_> = calls.rows.iter().map(|row| row.action.clone()).collect();
    assert_eq!(listed, routes);
}

#[tokio::test]
async fn every_call_is_answered_as_the_table_says() {
    let calls = Table::read(&read("docs/permissions.md"), "Calls");
    let company = Company::start().await;
    let mut faults = Vec::new();
    for row in &calls.rows {
        for (who, expected) in std::iter::zip(&calls.who, &row.cells) {
            let answer = company.call(who, &row.action, &row.case).await;
            if answer != *expected {
                faults.push(format!(
                    "{} ({}) as {who}: {answer}, not {expected}",
                    row.action, row.case
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test]
async fn every_frame_is_answered_as_the_table_says() {
    let frames = Table::read(&read("docs/permissions.md"), "Frames");
    let company = Company::start().await;
    let mut faults = Vec::new();
    for row in &frames.rows {
        for (who, expected) in std::iter::zip(&frames.who, &row.cells) {
            let answer = company.send(who, &row.action, &row.case).await;
            if answer != *expected {
                faults.push(format!(
                    "{} ({}) as {who}: {answer}, not {expected}",
                    row.action, row.case
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
