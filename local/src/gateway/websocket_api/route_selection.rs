//! Which route a message takes.

use serde_json::Value;

use crate::gateway::GatewayError;

/// The route of a connection's begin.
pub(super) const CONNECT: &str = "$connect";
/// The route of a connection's end.
pub(super) const DISCONNECT: &str = "$disconnect";
/// The route of a message that has no other.
pub(super) const DEFAULT: &str = "$default";

/// A route selection expression with the keys that a message can choose.
pub(super) struct RouteSelection {
    members: Vec<String>,
    keys: Vec<String>,
}

impl RouteSelection {
    /// Prepares an expression such as `$request.body.type`, or `${request.body.type}`, for an API with these routes.
    pub(super) fn new<'k>(expression: &str, keys: impl Iterator<Item = &'k str>) -> Result<Self, GatewayError> {
        let unsupported = || GatewayError::RouteSelection(expression.to_owned());
        let inner = expression.strip_prefix('$').ok_or_else(unsupported)?;
        let inner = inner
            .strip_prefix('{')
            .and_then(|inner| inner.strip_suffix('}'))
            .unwrap_or(inner);
        let path = inner.strip_prefix("request.body.").ok_or_else(unsupported)?;
        Ok(Self {
            members: path.split('.').map(str::to_owned).collect(),
            // Clients can't choose what the gateway itself calls: neither the begin nor the end of a connection.
            keys: keys.filter(|key| !key.starts_with('$')).map(str::to_owned).collect(),
        })
    }

    /// The key of the route for a message.
    pub(super) fn route_key(&self, message: &str) -> &str {
        if self.keys.is_empty() {
            // No message can choose another route: what it says need not be known.
            return DEFAULT;
        }
        self.chosen(message).unwrap_or(DEFAULT)
    }

    fn chosen(&self, message: &str) -> Option<&str> {
        let body: Value = serde_json::from_str(message).ok()?;
        let value = self.members.iter().try_fold(&body, |value, member| value.get(member))?;
        let value = value.as_str()?;
        self.keys.iter().find(|key| *key == value).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEYS: [&str; 4] = [CONNECT, DISCONNECT, DEFAULT, "typing"];

    fn route_key(expression: &str, message: &str) -> String {
        let selection = RouteSelection::new(expression, KEYS.into_iter()).expect("an expression");
        selection.route_key(message).to_owned()
    }

    #[test]
    fn a_message_takes_the_route_that_it_names() {
        assert_eq!(route_key("$request.body.type", r#"{"type":"typing"}"#), "typing");
        assert_eq!(route_key("${request.body.type}", r#"{"type":"typing"}"#), "typing");
        assert_eq!(route_key("$request.body.a.b", r#"{"a":{"b":"typing"}}"#), "typing");
    }

    #[test]
    fn whatever_names_no_route_takes_the_default() {
        for message in [
            "",
            "no json",
            "[]",
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"other"}"#,
            r#""typing""#,
        ] {
            assert_eq!(route_key("$request.body.type", message), DEFAULT, "{message}");
        }
    }

    #[test]
    fn a_client_can_not_choose_what_the_gateway_calls() {
        for key in [CONNECT, DISCONNECT, DEFAULT] {
            assert_eq!(
                route_key("$request.body.type", &format!(r#"{{"type":"{key}"}}"#)),
                DEFAULT
            );
        }
    }

    #[test]
    fn an_expression_of_another_form_is_refused() {
        for expression in ["", "type", "$request.header.x", "$request.body", "request.body.type"] {
            assert!(
                RouteSelection::new(expression, KEYS.into_iter()).is_err(),
                "{expression}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_message_reaches_the_gateways_own_routes(message in ".*") {
            let key = route_key("$request.body.type", &message);
            prop_assert!(key != CONNECT && key != DISCONNECT);
        }
    }
}
