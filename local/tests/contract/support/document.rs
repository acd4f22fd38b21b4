use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use jsonschema::{Draft, Registry, Validator};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// The name that a document has for the references within it.
const BASE: &str = "urn:contract";

/// The keywords whose schemas say a part of what their object is: to close one of them would forbid the others' members.
const PARTIAL: [&str; 5] = ["allOf", "anyOf", "if", "then", "else"];

/// A document of the contract, read more strictly than it is written: clients pass over members that they don't know, and the tests must not.
pub struct Document {
    root: Value,
    registry: Registry<'static>,
    /// By the places of their schemas. A test is a process of its own and needs few of them.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Document {
    /// Reads the document in this file of the repository.
    pub fn open(path: &str) -> Self {
        let mut root = parse_yaml(&read(path));
        let mut bases = HashSet::new();
        collect_bases(&root, &mut bases);
        close(&mut root, "#", &bases);
        name_references(&mut root);
        let registry = Registry::new().draft(Draft::Draft202012);
        let registry = registry.add(BASE, root.clone()).unwrap().prepare().unwrap();
        Self {
            root,
            registry,
            validators: Mutex::default(),
        }
    }

    /// The document's top.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// What a value refers to, or the value itself.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                let pointer = reference.trim_start_matches(BASE).trim_start_matches('#');
                let found = self.root.pointer(pointer);
                self.resolve(found.unwrap_or_else(|| panic!("{reference} leads nowhere")))
            }
            None => value,
        }
    }

    /// Holds `instance` against the schema that stands at `place`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(&self, place: &str, schema: &Value, instance: &Value) -> Result<(), String> {
        let validator = self.validator(place, schema);
        let errors = validator.iter_errors(instance);
        let faults: Vec<_> = errors
            .map(|error| format!("{:?}: {error}", error.instance_path().to_string()))
            .collect();
        if faults.is_empty() {
            return Ok(());
        }
        Err(format!("not as {place} has it: {}\n{instance}", faults.join("; ")))
    }

    fn validator(&self, place: &str, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap();
        let compile = || {
            // Around it, as a schema that others are made of stands open itself.
            let closed = json!({"allOf": [schema], "unevaluatedProperties": false});
            let options = jsonschema::options().with_draft(Draft::Draft202012);
            let options = options.should_validate_formats(true).with_registry(&self.registry);
            Arc::new(options.build(&closed).unwrap())
        };
        validators.entry(place.to_owned()).or_insert_with(compile).clone()
    }
}

/// A file of the repository. When the test runs, so that what is written about the product is not what it is compiled of.
pub fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The first document of a YAML text.
pub fn parse_yaml(source: &str) -> Value {
    let documents = Yaml::load_from_str(source).unwrap();
    to_json(documents.first().expect("a document"))
}

fn to_json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(members) => {
            let member = |(key, value)| {
                (
                    to_json(key).as_str().expect("a text for a key").to_owned(),
                    to_json(value),
                )
            };
            Value::Object(members.iter().map(member).collect())
        }
        other => panic!("not plain YAML: {other:?}"),
    }
}

/// The references within `allOf`: the schemas that others are made of.
fn collect_bases(value: &Value, bases: &mut HashSet<String>) {
    let parts = value["allOf"].as_array().into_iter().flatten();
    bases.extend(parts.filter_map(|part| part["$ref"].as_str().map(str::to_owned)));
    for_each_child(value, |_, child| collect_bases(child, bases));
}

/// Forbids members that the document does not name.
fn close(value: &mut Value, place: &str, bases: &HashSet<String>) {
    let children: Box<dyn Iterator<Item = (String, &mut Value)>> = match value {
        Value::Object(members) => {
            let is_schema = members.get("properties").is_some_and(Value::is_object) || members.contains_key("allOf");
            if is_schema && !bases.contains(place) {
                members.insert("unevaluatedProperties".to_owned(), json!(false));
            }
            Box::new(members.iter_mut().map(|(key, child)| (key.clone(), child)))
        }
        Value::Array(items) => Box::new(
            items
                .iter_mut()
                .enumerate()
                .map(|(index, child)| (index.to_string(), child)),
        ),
        _ => return,
    };
    for (key, child) in children.filter(|(key, _)| !PARTIAL.contains(&key.as_str())) {
        close(child, &format!("{place}/{key}"), bases);
    }
}

/// Lets references be resolved from schemas that are taken out of the document.
fn name_references(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref") {
                reference.insert_str(0, BASE);
            }
            members.values_mut().for_each(name_references);
        }
        Value::Array(items) => items.iter_mut().for_each(name_references),
        _ => {}
    }
}

/// Calls `visit` with the key or index and the value of each member or item.
pub fn for_each_child<'a>(value: &'a Value, mut visit: impl FnMut(&str, &'a Value)) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, child)| visit(key, child)),
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            numbered.for_each(|(index, child)| visit(&index.to_string(), child));
        }
        _ => {}
    }
}

/// The members of what must be an object; none of what is not there.
pub fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}
