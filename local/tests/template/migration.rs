//! The custom resource: called when the migrations change, and given up when it does not answer.

use serde_json::json;
use shared::db::migrate::fingerprint;

use crate::template::{MIGRATE, Template};

pub(crate) fn faults(template: &Template) -> Vec<String> {
    let properties = &template.resource("Migration")["Properties"];
    let mut faults = Vec::new();
    let token = json!({"Fn::GetAtt": format!("{MIGRATE}.Arn")});
    if properties["ServiceToken"] != token {
        faults.push(format!("Migration: ServiceToken must be {token}"));
    }
    let hash = fingerprint();
    if properties["MigrationsHash"] != hash.as_str() {
        faults.push(format!(
            "the migrations have changed: set MigrationsHash to {hash} (scripts/set-migrations-hash does)"
        ));
    }
    let function_timeout = template.resource(MIGRATE)["Properties"]["Timeout"].as_u64();
    if properties["ServiceTimeout"].as_u64() <= function_timeout {
        faults.push("Migration: ServiceTimeout must be longer than the function's own".to_owned());
    }
    faults
}
