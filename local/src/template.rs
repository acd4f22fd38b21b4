//! The SAM template, as far as the gateway needs it: functions, routes, CORS.
//!
//! `template.yaml` is the one list of routes: what is missing there is missing locally too. Whatever else the template
//! says (policies, outputs, other resources) is `CloudFormation`'s business and is not looked at.

mod apis;
mod document;
mod error;
mod functions;

use std::collections::BTreeMap;
use std::time::Duration;

pub use error::TemplateError;

use document::Document;

/// What `template.yaml` declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// All functions, ordered by logical id.
    pub functions: Vec<FunctionDefinition>,
    /// The routes of the HTTP API, ordered by function and event.
    pub http_routes: Vec<HttpRoute>,
    /// The stage variables of the HTTP API.
    pub http_stage_variables: BTreeMap<String, String>,
    /// The CORS configuration of the HTTP API; without one the gateway leaves CORS to the functions.
    pub cors: Option<Cors>,
    /// The WebSocket API.
    pub websocket: WebSocketApi,
}

/// An `AWS::Serverless::Function`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionDefinition {
    /// The resource's name in the template.
    pub logical_id: String,
    /// The last component of `CodeUri`, which is the name of the function's package.
    pub name: String,
    /// The variables of its environment with those of `Globals`; `None` where the value is an intrinsic function.
    pub environment: BTreeMap<String, Option<String>>,
    /// How long an invocation may take (3 seconds where the template does not say, as in Lambda).
    pub timeout: Duration,
}

/// A route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRoute {
    /// An upper-case method, or `ANY`.
    pub method: String,
    /// A path with parameters in braces, or `$default`.
    pub path: String,
    /// The name of the function that it invokes.
    pub function: String,
}

impl HttpRoute {
    /// The path of the route that takes whatever no other route does.
    pub const DEFAULT: &str = "$default";
    /// The method of a route that takes every method.
    pub const ANY: &str = "ANY";
}

/// The CORS configuration of an HTTP API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins whose pages may read answers; `*` for all.
    pub allow_origins: Vec<String>,
    /// Methods beyond the simple ones.
    pub allow_methods: Vec<String>,
    /// Request headers beyond the simple ones.
    pub allow_headers: Vec<String>,
    /// Response headers that pages may read.
    pub expose_headers: Vec<String>,
    /// Whether requests may carry cookies.
    pub allow_credentials: bool,
    /// How long a browser may keep a preflight's answer.
    pub max_age: Option<Duration>,
}

/// An `AWS::Serverless::WebSocketApi`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketApi {
    /// The stage, which is the path of the public URL.
    pub stage_name: String,
    /// What picks a message's route, such as `$request.body.type`.
    pub route_selection_expression: String,
    /// The variables of the stage.
    pub stage_variables: BTreeMap<String, String>,
    /// The routes by their keys.
    pub routes: BTreeMap<String, WebSocketRoute>,
}

/// A route of a WebSocket API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketRoute {
    /// The name of the function that it invokes.
    pub function: String,
    /// Whether the client is sent what the function answers with.
    pub has_response: bool,
    /// How long the gateway waits for the function, if that is less than it would.
    pub integration_timeout: Option<Duration>,
}

impl Template {
    /// Reads the text of a template.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] says what is wrong, and where.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let document = Document::parse(source)?;
        let functions = functions::read(&document)?;
        Ok(Self {
            http_routes: apis::read_http_routes(&document, &functions)?,
            http_stage_variables: apis::read_http_stage_variables(&document)?,
            cors: apis::read_cors(&document)?,
            websocket: apis::read_websocket(&document, &functions)?,
            functions,
        })
    }
}

#[cfg(test)]
mod tests;
