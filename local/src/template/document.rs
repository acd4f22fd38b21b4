//! A YAML document as nodes that know where they stand.

use saphyr::{LoadableYamlNode, Scalar, Yaml};

use super::TemplateError;

/// A parsed template.
pub(super) struct Document<'a> {
    root: Yaml<'a>,
}

impl<'a> Document<'a> {
    /// Parses the first document of `source`.
    pub(super) fn parse(source: &'a str) -> Result<Self, TemplateError> {
        let root = Yaml::load_from_str(source)?
            .into_iter()
            .next()
            .ok_or(TemplateError::Empty)?;
        Ok(Self { root })
    }

    /// The template's top.
    pub(super) fn root(&self) -> Node<'_> {
        Node {
            yaml: &self.root,
            path: String::new(),
        }
    }

    /// The resources of the type `kind` with their logical ids.
    pub(super) fn resources(&self, kind: &str) -> Result<Vec<(String, Node<'_>)>, TemplateError> {
        let resources = self.root().require("Resources")?.entries()?;
        Ok(resources
            .into_iter()
            .filter(|(_, resource)| resource.get("Type").and_then(|t| t.literal()).as_deref() == Some(kind))
            .collect())
    }
}

/// A reference that `CloudFormation` resolves, in its short (`!Ref x`) or long (`{Ref: x}`) form.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Intrinsic {
    /// The value of a parameter, or the id of a resource.
    Ref(String),
    /// An attribute of the resource of this logical id.
    GetAtt(String),
    /// A text with `${…}` in it.
    Sub(String),
    /// Any other function.
    Other,
}

/// A value of the document.
pub(super) struct Node<'a> {
    yaml: &'a Yaml<'a>,
    path: String,
}

impl<'a> Node<'a> {
    /// Where the value stands: keys from the top, joined by dots.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The value under `key`, if this is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<Node<'a>> {
        let yaml = self.yaml.as_mapping_get(key)?;
        Some(self.child(key, yaml))
    }

    /// The value under a chain of keys.
    pub(super) fn get_in(&self, keys: &[&str]) -> Option<Node<'a>> {
        let (first, rest) = keys.split_first()?;
        let child = self.get(first)?;
        if rest.is_empty() {
            Some(child)
        } else {
            child.get_in(rest)
        }
    }

    /// The value under `key`, which must be there.
    pub(super) fn require(&self, key: &str) -> Result<Node<'a>, TemplateError> {
        self.get(key)
            .ok_or_else(|| TemplateError::Missing { path: self.join(key) })
    }

    /// The keys and values of a mapping, in the document's order.
    pub(super) fn entries(&self) -> Result<Vec<(String, Node<'a>)>, TemplateError> {
        let mapping = self.yaml.as_mapping().ok_or_else(|| self.unexpected("a mapping"))?;
        Ok(mapping
            .iter()
            .filter_map(|(key, value)| Some((scalar_text(key)?, value)))
            .map(|(key, value)| {
                let node = self.child(&key, value);
                (key, node)
            })
            .collect())
    }

    /// The literal values of a sequence, or a single literal.
    pub(super) fn literals(&self) -> Result<Vec<String>, TemplateError> {
        match self.yaml {
            Yaml::Sequence(items) => items
                .iter()
                .map(|item| scalar_text(item).ok_or_else(|| self.unexpected("a list of literals")))
                .collect(),
            _ => Ok(vec![self.require_literal()?]),
        }
    }

    /// A scalar that is written out, as text.
    pub(super) fn literal(&self) -> Option<String> {
        scalar_text(self.yaml)
    }

    /// A scalar that must be written out, as text.
    pub(super) fn require_literal(&self) -> Result<String, TemplateError> {
        self.literal().ok_or_else(|| self.unexpected("a literal"))
    }

    /// A whole number that must be written out.
    pub(super) fn require_integer(&self) -> Result<u64, TemplateError> {
        let number = self.literal().and_then(|text| text.parse().ok());
        number.ok_or_else(|| self.unexpected("a whole number"))
    }

    /// The intrinsic function that stands here, if one does.
    pub(super) fn intrinsic(&self) -> Option<Intrinsic> {
        match self.yaml {
            Yaml::Tagged(tag, value) => Some(Intrinsic::new(&tag.suffix, value)),
            Yaml::Mapping(mapping) if mapping.len() == 1 => {
                let (key, value) = mapping.iter().next()?;
                let key = scalar_text(key)?;
                let function = key.strip_prefix("Fn::").or((key == "Ref").then_some("Ref"))?;
                Some(Intrinsic::new(function, value))
            }
            _ => None,
        }
    }

    /// The error that this value is not what it must be.
    pub(super) fn unexpected(&self, expected: &'static str) -> TemplateError {
        TemplateError::Unexpected {
            path: self.path.clone(),
            expected,
        }
    }

    fn child(&self, key: &str, yaml: &'a Yaml<'a>) -> Node<'a> {
        Node {
            yaml,
            path: self.join(key),
        }
    }

    fn join(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

impl Intrinsic {
    fn new(function: &str, argument: &Yaml<'_>) -> Self {
        // `!GetAtt [Resource, Attribute]` and `!Sub [text, variables]` have what counts first.
        let first = match argument {
            Yaml::Sequence(items) => items.first().and_then(scalar_text),
            other => scalar_text(other),
        };
        match (function, first) {
            ("Ref", Some(name)) => Self::Ref(name),
            ("GetAtt", Some(name)) => Self::GetAtt(name.split('.').next().unwrap_or_default().to_owned()),
            ("Sub", Some(text)) => Self::Sub(text),
            _ => Self::Other,
        }
    }
}

fn scalar_text(yaml: &Yaml<'_>) -> Option<String> {
    match yaml {
        Yaml::Value(Scalar::String(text)) => Some(text.to_string()),
        Yaml::Value(Scalar::Integer(number)) => Some(number.to_string()),
        Yaml::Value(Scalar::Boolean(flag)) => Some(flag.to_string()),
        Yaml::Value(Scalar::FloatingPoint(number)) => Some(number.to_string()),
        _ => None,
    }
}
