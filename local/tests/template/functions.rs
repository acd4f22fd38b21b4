//! One function for each package, built and wired as it must be.

use serde_json::{Value, json};

use crate::packages::Package;
use crate::template::{FUNCTION, MIGRATE, Template};

/// How long API Gateway waits for a function behind a WebSocket, in seconds: less than it waits behind HTTP.
const GATEWAY_TIMEOUT: u64 = 29;

pub(crate) fn faults(template: &Template) -> Vec<String> {
    let packages = Package::all();
    let mut faults: Vec<_> = packages
        .iter()
        .flat_map(|package| package_faults(template, package))
        .collect();
    for (name, _) in template.resources_of(FUNCTION) {
        if !packages.iter().any(|package| package.logical_id() == name) {
            faults.push(format!("{name} has no package"));
        }
    }
    faults
}

fn package_faults(template: &Template, package: &Package) -> Vec<String> {
    let name = package.logical_id();
    let function = template.resource(&name);
    let prefix = package.prefix();
    let property = |key: &str| template.function_property(function, key).clone();
    let wanted = [
        ("Type", function["Type"].clone(), json!(FUNCTION)),
        (
            "BuildMethod",
            function["Metadata"]["BuildMethod"].clone(),
            json!("rust-cargolambda"),
        ),
        (
            "CodeUri",
            property("CodeUri"),
            json!(format!("functions/{}", package.name)),
        ),
        ("Handler", property("Handler"), json!("bootstrap")),
        ("Runtime", property("Runtime"), json!("provided.al2023")),
        (
            "Architectures",
            property("Architectures"),
            json!([{"Ref": "Architecture"}]),
        ),
        (
            "Role",
            property("Role"),
            json!({"Fn::GetAtt": format!("{prefix}Role.Arn")}),
        ),
        (
            "LoggingConfig",
            property("LoggingConfig"),
            json!({"LogGroup": {"Ref": format!("{prefix}Logs")}}),
        ),
        ("DependsOn", function["DependsOn"].clone(), dependencies(&name)),
    ];
    let mut faults: Vec<_> = wanted
        .into_iter()
        .filter(|(_, is, must_be)| is != must_be)
        .map(|(key, is, must_be)| format!("{name}: {key} is {is}, but must be {must_be}"))
        .collect();
    if !package.has_program_of_its_name() {
        faults.push(format!("functions/{} has no program of its name", package.name));
    }
    faults.extend(serving_faults(template, &name, &property("Timeout")));
    faults
}

/// New code serves on the new schema only.
fn dependencies(function: &str) -> Value {
    if function == MIGRATE {
        Value::Null
    } else {
        json!("Migration")
    }
}

/// What functions that clients wait for must have besides.
fn serving_faults(template: &Template, name: &str, timeout: &Value) -> Vec<String> {
    if name == MIGRATE {
        return Vec::new();
    }
    let mut faults = Vec::new();
    if timeout.as_u64().is_none_or(|timeout| timeout >= GATEWAY_TIMEOUT) {
        faults.push(format!(
            "{name}: Timeout is {timeout}, which is no less than the gateway's"
        ));
    }
    let watched = template.resources_of("AWS::CloudWatch::Alarm").any(|(_, alarm)| {
        let alarm = &alarm["Properties"];
        alarm["MetricName"] == "Errors" && alarm["Dimensions"][0]["Value"] == json!({"Ref": name})
    });
    if !watched {
        faults.push(format!("{name} has no alarm on its errors"));
    }
    faults
}
