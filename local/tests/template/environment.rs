//! Each function is told what its code asks for, and no secret besides.

use serde_json::{Map, Value};

use crate::packages::Package;
use crate::template::Template;

/// What `main` calls, any of it, and the variable that this needs.
const NEEDS: [(&[&str], &str); 5] = [
    (&["database()", ".delivery"], "DATABASE_URL"),
    (&[".tokens()"], "JWT_SECRET"),
    (&[".delivery"], "WEBSOCKET_CALLBACK_URL"),
    (&[".direct_database()"], "DATABASE_DIRECT_URL"),
    (&["serve_http"], "AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH"),
];

const SECRETS: [&str; 3] = ["DATABASE_URL", "DATABASE_DIRECT_URL", "JWT_SECRET"];

pub(crate) fn faults(template: &Template) -> Vec<String> {
    let packages = Package::all();
    packages
        .iter()
        .flat_map(|package| {
            let environment = template.environment(template.resource(&package.logical_id()));
            let mut faults = need_faults(package, &environment);
            faults.extend(secret_faults(package, &environment));
            faults
        })
        .collect()
}

fn need_faults(package: &Package, environment: &Map<String, Value>) -> Vec<String> {
    let fault = |(calls, variable): (&[&str], &str)| {
        let needed = calls.iter().any(|call| package.calls(call));
        match (needed, environment.contains_key(variable)) {
            (true, false) => Some(format!("{} needs {variable}", package.name)),
            (false, true) => Some(format!("{} has {variable}, which it does not need", package.name)),
            _ => None,
        }
    };
    NEEDS.into_iter().filter_map(fault).collect()
}

/// Secrets come from Secrets Manager while `CloudFormation` works: no template and no parameter has them.
fn secret_faults(package: &Package, environment: &Map<String, Value>) -> Vec<String> {
    let secrets = SECRETS
        .into_iter()
        .filter_map(|name| Some((name, environment.get(name)?)));
    secrets
        .filter(|(_, value)| {
            let text = value["Fn::Sub"].as_str();
            !text.is_some_and(|text| text.starts_with("{{resolve:secretsmanager:") && text.ends_with("}}"))
        })
        .map(|(name, _)| format!("{}: {name} is no dynamic reference to a secret", package.name))
        .collect()
}
