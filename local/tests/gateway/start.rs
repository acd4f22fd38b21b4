//! Templates that no gateway can be made of.

use std::sync::Arc;

use axum::Router;
use futures_util::FutureExt;
use local::gateway::{Connections, Function, Gateway, Options, Parts};
use local::template::Template;
use shared::SystemClock;

use crate::harness::TEMPLATE;

/// Why a gateway with these functions, which are never called, can't be made of a template.
fn refusal(template: &str, functions: &[&str]) -> String {
    let function = |name: &&str| ((*name).to_owned(), Function::http(Router::new()));
    let parts = Parts {
        functions: functions.iter().map(function).collect(),
        connections: Connections::default(),
        health: Arc::new(|| async { Ok(()) }.boxed()),
        clock: Arc::new(SystemClock),
    };
    let template = Template::parse(template).expect("a template");
    let gateway = Gateway::new(&template, parts, Options::default());
    gateway.err().expect("an error").to_string()
}

#[test]
fn a_route_without_its_function_is_refused_at_the_start() {
    assert_eq!(
        refusal(TEMPLATE, &[]),
        "the template routes ANY /echo/{name} to http, which does not exist here"
    );
}

#[test]
fn a_stage_that_clients_could_not_reach_is_refused_at_the_start() {
    for (stage, reason) in [
        ("health", "the gateway has this path for itself"),
        (
            "'{a}'",
            "the name of a stage has letters, digits, hyphens and underscores only",
        ),
    ] {
        let template = TEMPLATE.replace("StageName: ws", &format!("StageName: {stage}"));
        let path = stage.trim_matches('\'');
        assert_eq!(
            refusal(&template, &["http", "socket"]),
            format!("the template's route /{path} is unusable: {reason}")
        );
    }
}
