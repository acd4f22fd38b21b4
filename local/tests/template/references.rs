//! Every name that the template uses is one that it has.

use serde_json::Value;

use crate::template::{Template, entries, items};

/// Attributes that resources have, by type.
const ATTRIBUTES: [(&str, &[&str]); 4] = [
    ("AWS::Serverless::Function", &["Arn"]),
    ("AWS::IAM::Role", &["Arn"]),
    ("AWS::Logs::LogGroup", &["Arn"]),
    ("AWS::SecretsManager::Secret", &["Id"]),
];

pub(crate) fn faults(template: &Template) -> Vec<String> {
    let mut faults = Vec::new();
    visit(&template.0, &mut |name, argument| match name {
        "Ref" => faults.extend(ref_fault(template, argument.as_str().unwrap())),
        "Fn::GetAtt" => faults.extend(attribute_fault(template, argument.as_str().unwrap())),
        "Fn::Sub" => faults.extend(sub_faults(template, argument.as_str().unwrap())),
        "Fn::If" => faults.extend(condition_fault(template, argument[0].as_str().unwrap())),
        "Condition" if argument.is_string() => faults.extend(condition_fault(template, argument.as_str().unwrap())),
        "DependsOn" => {
            let names = items(argument).into_iter().map(|name| name.as_str().unwrap());
            faults.extend(names.filter_map(|name| resource_fault(template, name)));
        }
        _ => {}
    });
    faults
}

/// Calls `look` for each member of each object, at any depth.
fn visit(value: &Value, look: &mut impl FnMut(&str, &Value)) {
    for (name, member) in entries(value) {
        look(name, member);
        visit(member, look);
    }
    for item in value.as_array().into_iter().flatten() {
        visit(item, look);
    }
}

fn ref_fault(template: &Template, name: &str) -> Option<String> {
    let known = name.starts_with("AWS::") || template.names("Parameters").contains(&name);
    if known { None } else { resource_fault(template, name) }
}

fn resource_fault(template: &Template, name: &str) -> Option<String> {
    template
        .resource(name)
        .is_null()
        .then(|| format!("{name} is neither a resource nor a parameter"))
}

fn attribute_fault(template: &Template, path: &str) -> Option<String> {
    let (name, attribute) = path.split_once('.').unwrap_or((path, ""));
    let kind = &template.resource(name)["Type"];
    let known = ATTRIBUTES
        .iter()
        .any(|(of, attributes)| kind == of && attributes.contains(&attribute));
    (!known).then(|| format!("{path} is no attribute of a resource"))
}

fn sub_faults(template: &Template, text: &str) -> Vec<String> {
    let names = text.split("${").skip(1).map(|rest| rest.split('}').next().unwrap());
    names
        .filter_map(|name| match name.split_once('.') {
            Some(_) => attribute_fault(template, name),
            None => ref_fault(template, name),
        })
        .collect()
}

fn condition_fault(template: &Template, name: &str) -> Option<String> {
    let known = template.names("Conditions").contains(&name);
    (!known).then(|| format!("{name} is no condition"))
}
