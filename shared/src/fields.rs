//! Taking the members of a JSON object apart, so that all that is wrong is said at once.

use serde_json::{Map, Value};

use crate::Error;
use crate::domain::Invalid;
use crate::error::FieldError;

/// The members of an object, and what was found wrong with those that were read.
#[derive(Debug)]
pub struct Fields {
    members: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// The members of an object. Those that nobody asks for are ignored.
    #[must_use]
    pub fn new(members: Map<String, Value>) -> Self {
        Self {
            members,
            errors: Vec::new(),
        }
    }

    /// A text that must be there. `None` where it is not, or breaks the rule: [`Fields::refusal`] says why.
    pub fn required<T>(&mut self, field: &'static str, parse: impl FnOnce(&str) -> Result<T, Invalid>) -> Option<T> {
        let value = self.optional(field, parse)?;
        if value.is_none() {
            self.errors.push(FieldError::new(field, "is required"));
        }
        value
    }

    /// A text that may be missing or null: `Some(None)` then. `None` where it breaks the rule: [`Fields::refusal`] says why.
    pub fn optional<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<Option<T>> {
        let result = match self.members.get(field) {
            None | Some(Value::Null) => return Some(None),
            Some(Value::String(text)) => parse(text),
            Some(_) => Err(Invalid::new("must be a string")),
        };
        result
            .map(Some)
            .inspect_err(|invalid| self.errors.push(FieldError::from_invalid(field, invalid)))
            .ok()
    }

    /// Why the object is refused: everything that was found wrong.
    #[must_use]
    pub fn refusal(self) -> Error {
        Error::Invalid(self.errors)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{Content, Email};

    fn fields(object: &Value) -> Fields {
        Fields::new(object.as_object().unwrap().clone())
    }

    fn reasons(fields: Fields) -> Vec<(&'static str, String)> {
        match fields.refusal() {
            Error::Invalid(errors) => errors.into_iter().map(|error| (error.field, error.reason)).collect(),
            error => panic!("{error}"),
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let mut fields = fields(&json!({"content": 7, "email": "x"}));
        assert!(fields.required("content", Content::parse).is_none());
        assert!(fields.required("email", Email::parse).is_none());
        assert!(fields.required("password", Content::parse).is_none());
        let reasons = reasons(fields);
        assert_eq!(reasons[0], ("content", "must be a string".to_owned()));
        assert_eq!(reasons[1].0, "email");
        assert_eq!(reasons[2], ("password", "is required".to_owned()));
    }

    #[test]
    fn null_counts_as_absent() {
        let mut fields = fields(&json!({"email": null}));
        assert_eq!(fields.optional("email", Email::parse), Some(None));
        assert_eq!(fields.optional("other", Email::parse), Some(None));
        assert!(reasons(fields).is_empty());
    }
}
