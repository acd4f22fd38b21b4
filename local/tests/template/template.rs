//! A template as JSON, in which `!Ref x` is `{"Ref": "x"}` and `!GetAtt x.y` is `{"Fn::GetAtt": "x.y"}`.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// The type of a function's resource.
pub(crate) const FUNCTION: &str = "AWS::Serverless::Function";

/// The function that brings the schema up to date, before all others.
pub(crate) const MIGRATE: &str = "MigrateFunction";

pub(crate) struct Template(pub(crate) Value);

impl Template {
    pub(crate) fn parse(source: &str) -> Self {
        let documents = Yaml::load_from_str(source).unwrap();
        Self(to_json(&documents[0]))
    }

    /// The keys of a section, such as `Parameters`.
    pub(crate) fn names(&self, section: &str) -> Vec<&str> {
        entries(&self.0[section]).map(|(name, _)| name).collect()
    }

    pub(crate) fn resources(&self) -> impl Iterator<Item = (&str, &Value)> {
        entries(&self.0["Resources"])
    }

    pub(crate) fn resources_of(&self, kind: &str) -> impl Iterator<Item = (&str, &Value)> {
        self.resources().filter(move |(_, resource)| resource["Type"] == kind)
    }

    pub(crate) fn resource(&self, name: &str) -> &Value {
        &self.0["Resources"][name]
    }

    /// A function's property, its own or that of `Globals`.
    pub(crate) fn function_property<'t>(&'t self, function: &'t Value, name: &str) -> &'t Value {
        match &function["Properties"][name] {
            Value::Null => &self.0["Globals"]["Function"][name],
            own => own,
        }
    }

    /// The variables of a function, with those of `Globals`.
    pub(crate) fn environment<'t>(&'t self, function: &'t Value) -> Map<String, Value> {
        let scopes = [&self.0["Globals"]["Function"], &function["Properties"]];
        let variables = scopes
            .into_iter()
            .flat_map(|scope| entries(&scope["Environment"]["Variables"]));
        variables
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    }
}

/// The members of an object; none of anything else.
pub(crate) fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.as_str(), value))
}

/// The items of a list, or the value as the only one.
pub(crate) fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        only => vec![only],
    }
}

fn to_json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(scalar) => scalar_to_json(scalar),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(members) => members
            .iter()
            .map(|(name, value)| (name.as_str().unwrap().to_owned(), to_json(value)))
            .collect(),
        Yaml::Tagged(tag, value) => {
            let name = match tag.suffix.as_str() {
                short @ ("Ref" | "Condition") => short.to_owned(),
                short => format!("Fn::{short}"),
            };
            json!({ name: to_json(value) })
        }
        other => panic!("{other:?} in the template"),
    }
}

fn scalar_to_json(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => (*flag).into(),
        Scalar::Integer(number) => (*number).into(),
        Scalar::FloatingPoint(number) => number.into_inner().into(),
        Scalar::String(text) => text.to_string().into(),
    }
}
