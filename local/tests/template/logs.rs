//! Logs that end some day, named by what writes them, without tokens.

use serde_json::json;

use crate::packages::Package;
use crate::template::{Template, items};

/// What an access log may say. A query, a header or an authorizer's answer may have a token in it.
const HARMLESS: [&str; 13] = [
    "connectionId",
    "error.message",
    "eventType",
    "identity.sourceIp",
    "integrationErrorMessage",
    "integrationLatency",
    "path",
    "requestId",
    "requestTime",
    "responseLatency",
    "responseLength",
    "routeKey",
    "status",
];

pub(crate) fn faults(template: &Template) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, group) in template.resources_of("AWS::Logs::LogGroup") {
        if group["Properties"]["RetentionInDays"] != json!({"Ref": "LogRetentionDays"}) {
            faults.push(format!(
                "{name}: RetentionInDays is not set, so its lines stay for ever"
            ));
        }
    }
    for package in Package::all() {
        let name = format!("{}Logs", package.prefix());
        let wanted = format!("/aws/lambda/${{AWS::StackName}}-{}", package.name);
        if template.resource(&name)["Properties"]["LogGroupName"] != json!({"Fn::Sub": wanted}) {
            faults.push(format!("{name} is not called {wanted}"));
        }
    }
    for api in ["HttpApi", "WebSocketApi"] {
        faults.extend(access_log_faults(template, api));
    }
    faults
}

fn access_log_faults(template: &Template, api: &str) -> Vec<String> {
    let settings = &template.resource(api)["Properties"]["AccessLogSettings"];
    // The settings, or those of the condition that they stand under.
    let candidates = [vec![settings], items(&settings["Fn::If"])].concat();
    let format = candidates.iter().find_map(|candidate| candidate["Format"].as_str());
    let Some(format) = format else {
        return vec![format!("{api} has no access log")];
    };
    let says_too_much = |field: &&str| !HARMLESS.contains(field);
    let fields = format
        .split("$context.")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap());
    fields
        .filter(says_too_much)
        .map(|field| format!("the access log of {api} has $context.{field}"))
        .collect()
}
