//! What can be wrong with a template.

/// Why a template can't be used. `path` says where: keys from the template's top, joined by dots.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The text is not YAML.
    #[error("the template is not YAML: {0}")]
    Yaml(#[from] saphyr::ScanError),
    /// The text has no document in it.
    #[error("the template is empty")]
    Empty,
    /// A key that is needed is absent.
    #[error("{path} is missing")]
    Missing {
        /// Where the key should be.
        path: String,
    },
    /// A value is of another kind than it must be.
    #[error("{path} must be {expected}")]
    Unexpected {
        /// Where the value is.
        path: String,
        /// What should be there.
        expected: &'static str,
    },
    /// A route's target is no function of this template.
    #[error("{path} names {function}, which is no function of this template")]
    UnknownFunction {
        /// Where the name is.
        path: String,
        /// The logical id that is not a function's.
        function: String,
    },
    /// Two events declare one route.
    #[error("the route {method} {route} belongs to {first} and to {second}")]
    DuplicateRoute {
        /// The route's method.
        method: String,
        /// The route's path.
        route: String,
        /// The function that has it first.
        first: String,
        /// The function that has it as well.
        second: String,
    },
    /// The template has no `AWS::Serverless::WebSocketApi`.
    #[error("the template has no resource of the type AWS::Serverless::WebSocketApi")]
    NoWebSocketApi,
    /// The template has several resources of a type of which one is supported.
    #[error("the template has several resources of the type {kind}: one is supported")]
    SeveralApis {
        /// The type of the resources.
        kind: &'static str,
    },
}
