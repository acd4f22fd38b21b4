//! Each function may write to its own log, and push where that is its job: nothing else.

use serde_json::{Value, json};

use crate::packages::Package;
use crate::template::{Template, items};

/// The calls of the management API that a function makes: it posts; it closes connections that are too many or unknown; it looks
/// whether a new connection is open yet.
const PUSHING: [(&str, &[&str]); 5] = [
    ("conversations", &["POST"]),
    ("messages", &["POST"]),
    ("ws-connect", &["POST", "GET", "DELETE"]),
    ("ws-disconnect", &["POST"]),
    ("ws-message", &["POST", "DELETE"]),
];

pub(crate) fn faults(template: &Template) -> Vec<String> {
    Package::all()
        .iter()
        .flat_map(|package| role_faults(template, package))
        .collect()
}

fn role_faults(template: &Template, package: &Package) -> Vec<String> {
    let name = format!("{}Role", package.prefix());
    let role = &template.resource(&name)["Properties"];
    let mut faults = Vec::new();
    let statements = items(&role["Policies"])
        .into_iter()
        .flat_map(|policy| items(&policy["PolicyDocument"]["Statement"]))
        .cloned();
    let statements: Vec<Value> = statements.collect();
    let wanted = wanted_statements(package);
    if statements != wanted {
        faults.push(format!(
            "{name} allows {}, but must allow {}",
            json!(statements),
            json!(wanted)
        ));
    }
    if role["ManagedPolicyArns"] != json!({"Fn::If": ["InVpc", [{"Ref": "NetworkPolicy"}], {"Ref": "AWS::NoValue"}]}) {
        faults.push(format!("{name} has policies that are not its own"));
    }
    let calls = PUSHING.iter().any(|(name, _)| *name == package.name);
    if calls != package.pushes() {
        faults.push(format!("{} pushes, but it is not known how", package.name));
    }
    faults
}

fn wanted_statements(package: &Package) -> Vec<Value> {
    let logs = json!({
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": {"Fn::GetAtt": format!("{}Logs.Arn", package.prefix())},
    });
    let push = PUSHING.iter().find(|(name, _)| *name == package.name);
    let push = push.map(|(_, methods)| {
        let resources: Vec<_> = methods.iter().map(|method| connections(method)).collect();
        let resource = match resources.as_slice() {
            [only] => only.clone(),
            several => json!(several),
        };
        json!({"Effect": "Allow", "Action": "execute-api:ManageConnections", "Resource": resource})
    });
    [Some(logs), push].into_iter().flatten().collect()
}

/// The connections of this API's only stage.
fn connections(method: &str) -> Value {
    let arn = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${WebSocketApi}";
    json!({"Fn::Sub": format!("{arn}/ws/{method}/@connections/*")})
}
