//! The functions of a template.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::{Document, Node};
use super::{FunctionDefinition, TemplateError};

/// The type of a function's resource.
pub(super) const KIND: &str = "AWS::Serverless::Function";

/// What Lambda takes where a template has no `Timeout`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

impl FunctionDefinition {
    /// The environment variables that the template gives the function, and no other: `set` stands in for what a deployment
    /// fills in, and for any other value of the same name.
    #[must_use]
    pub fn variables(&self, set: &BTreeMap<&str, String>) -> Vec<(String, String)> {
        let values = self.environment.iter().filter_map(|(name, value)| {
            let value = set.get(name.as_str()).or(value.as_ref())?;
            Some((name.clone(), value.clone()))
        });
        values.collect()
    }
}

/// All functions, ordered by logical id.
pub(super) fn read(document: &Document<'_>) -> Result<Vec<FunctionDefinition>, TemplateError> {
    let globals = document.root().get_in(&["Globals", "Function"]);
    let mut functions = document
        .resources(KIND)?
        .into_iter()
        .map(|(logical_id, resource)| read_function(logical_id, &resource, globals.as_ref()))
        .collect::<Result<Vec<_>, _>>()?;
    functions.sort_by(|a, b| a.logical_id.cmp(&b.logical_id));
    Ok(functions)
}

/// The name of the function with the logical id that the node at `path` names.
pub(super) fn name_of<'f>(
    functions: &'f [FunctionDefinition],
    logical_id: &str,
    path: &str,
) -> Result<&'f str, TemplateError> {
    functions
        .iter()
        .find(|function| function.logical_id == logical_id)
        .map(|function| function.name.as_str())
        .ok_or_else(|| TemplateError::UnknownFunction {
            path: path.to_owned(),
            function: logical_id.to_owned(),
        })
}

fn read_function(
    logical_id: String,
    resource: &Node<'_>,
    globals: Option<&Node<'_>>,
) -> Result<FunctionDefinition, TemplateError> {
    let properties = resource.require("Properties")?;
    let timeout = properties.get("Timeout").or_else(|| globals?.get("Timeout"));
    Ok(FunctionDefinition {
        name: package_name(&properties.require("CodeUri")?)?,
        environment: read_environment(&properties, globals)?,
        timeout: timeout.map_or(Ok(DEFAULT_TIMEOUT), |node| {
            node.require_integer().map(Duration::from_secs)
        })?,
        logical_id,
    })
}

fn package_name(code_uri: &Node<'_>) -> Result<String, TemplateError> {
    let uri = code_uri.require_literal()?;
    match uri.trim_end_matches('/').rsplit('/').next() {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(code_uri.unexpected("the folder of a function")),
    }
}

fn read_environment(
    properties: &Node<'_>,
    globals: Option<&Node<'_>>,
) -> Result<BTreeMap<String, Option<String>>, TemplateError> {
    let mut environment = BTreeMap::new();
    for scope in globals.into_iter().chain([properties]) {
        let Some(variables) = scope.get_in(&["Environment", "Variables"]) else {
            continue;
        };
        let variables = variables.entries()?;
        environment.extend(variables.into_iter().map(|(name, value)| (name, value.literal())));
    }
    Ok(environment)
}
