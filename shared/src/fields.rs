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
        self.required_value(field, |value| as_text(value, parse))
    }

    /// A text that may be missing or null: `Some(None)` then. `None` where it breaks the rule: [`Fields::refusal`] says why.
    pub fn optional<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<Option<T>> {
        self.optional_value(field, |value| as_text(value, parse))
    }

    /// As [`Fields::required`], for a member of any kind.
    pub fn required_value<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&Value) -> Result<T, Invalid>,
    ) -> Option<T> {
        let value = self.optional_value(field, read)?;
        if value.is_none() {
            self.errors.push(FieldError::new(field, "is required"));
        }
        value
    }

    /// As [`Fields::optional`], for a member of any kind.
    pub fn optional_value<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&Value) -> Result<T, Invalid>,
    ) -> Option<Option<T>> {
        let result = match self.members.get(field) {
            None | Some(Value::Null) => return Some(None),
            Some(value) => read(value),
        };
        result
            .map(Some)
            .inspect_err(|invalid| self.errors.push(FieldError::from_invalid(field, invalid)))
            .ok()
    }

    /// Notes something wrong that no single member shows.
    pub fn refuse(&mut self, field: &'static str, reason: &str) {
        self.errors.push(FieldError::new(field, reason));
    }

    /// Why the object is refused: everything that was found wrong.
    #[must_use]
    pub fn refusal(self) -> Error {
        Error::Invalid(self.errors)
    }
}

fn as_text<T>(value: &Value, parse: impl FnOnce(&str) -> Result<T, Invalid>) -> Result<T, Invalid> {
    match value {
        Value::String(text) => parse(text),
        _ => Err(Invalid::new("must be a string")),
    }
}

/// A whole number from 0.
///
/// # Errors
/// [`Invalid`] for anything else.
pub fn whole_number(value: &Value) -> Result<i64, Invalid> {
    value
        .as_i64()
        .filter(|number| *number >= 0)
        .ok_or_else(|| Invalid::new("must be a whole number from 0"))
}

/// `true` or `false`.
///
/// # Errors
/// [`Invalid`] for anything else.
pub fn boolean(value: &Value) -> Result<bool, Invalid> {
    value.as_bool().ok_or_else(|| Invalid::new("must be true or false"))
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

    #[test]
    fn a_whole_number_is_one_from_0_that_the_database_can_hold() {
        for (value, number) in [(json!(0), 0), (json!(42), 42), (json!(i64::MAX), i64::MAX)] {
            assert_eq!(whole_number(&value), Ok(number));
        }
        for value in [
            json!(-1),
            json!(1.0),
            json!(1.5),
            json!(u64::MAX),
            json!("1"),
            json!(true),
            json!([1]),
        ] {
            assert!(whole_number(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_boolean_is_true_or_false() {
        assert_eq!((boolean(&json!(true)), boolean(&json!(false))), (Ok(true), Ok(false)));
        for value in [json!(0), json!("true"), json!(null), json!({})] {
            assert!(boolean(&value).is_err(), "{value}");
        }
    }
}
