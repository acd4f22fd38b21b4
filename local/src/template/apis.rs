//! The APIs of a template: routes and CORS.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::{Document, Intrinsic, Node};
use super::{Cors, FunctionDefinition, HttpRoute, TemplateError, WebSocketApi, WebSocketRoute, functions};

const HTTP_API: &str = "AWS::Serverless::HttpApi";
const WEBSOCKET_API: &str = "AWS::Serverless::WebSocketApi";

/// What the stage of a WebSocket API is called where the template does not say.
const DEFAULT_STAGE: &str = "default";

/// The one expression that a route response can have.
const ROUTE_RESPONSE: &str = "$default";

/// The routes that the functions' events of the type `HttpApi` declare.
pub(super) fn read_http_routes(
    document: &Document<'_>,
    functions: &[FunctionDefinition],
) -> Result<Vec<HttpRoute>, TemplateError> {
    let mut routes: Vec<HttpRoute> = Vec::new();
    for (logical_id, resource) in document.resources(functions::KIND)? {
        let function = functions::name_of(functions, &logical_id, resource.path())?;
        for event in http_events(&resource)? {
            let route = read_http_route(&event, function)?;
            refuse_duplicate(&routes, &route)?;
            routes.push(route);
        }
    }
    Ok(routes)
}

/// The stage variables of the HTTP API.
pub(super) fn read_http_stage_variables(document: &Document<'_>) -> Result<BTreeMap<String, String>, TemplateError> {
    let api = only_resource(document, HTTP_API)?;
    api.map_or(Ok(BTreeMap::new()), |api| stage_variables_of(&api))
}

/// The CORS configuration of the HTTP API, if the template has one.
pub(super) fn read_cors(document: &Document<'_>) -> Result<Option<Cors>, TemplateError> {
    let Some(api) = only_resource(document, HTTP_API)? else {
        return Ok(None);
    };
    let Some(cors) = api.get_in(&["Properties", "CorsConfiguration"]) else {
        return Ok(None);
    };
    let list = |key: &str| {
        cors.get(key)
            .map_or(Ok(Vec::new()), |node| literals_or_default(document, &node))
    };
    Ok(Some(Cors {
        allow_origins: list("AllowOrigins")?,
        allow_methods: list("AllowMethods")?,
        allow_headers: list("AllowHeaders")?,
        expose_headers: list("ExposeHeaders")?,
        allow_credentials: cors.get("AllowCredentials").and_then(|node| node.literal()).as_deref() == Some("true"),
        max_age: match cors.get("MaxAge") {
            Some(node) => Some(Duration::from_secs(node.require_integer()?)),
            None => None,
        },
    }))
}

/// The WebSocket API, of which there must be one.
pub(super) fn read_websocket(
    document: &Document<'_>,
    functions: &[FunctionDefinition],
) -> Result<WebSocketApi, TemplateError> {
    let api = only_resource(document, WEBSOCKET_API)?.ok_or(TemplateError::NoWebSocketApi)?;
    let properties = api.require("Properties")?;
    let stage = properties.get("StageName").map(|node| node.require_literal());
    Ok(WebSocketApi {
        stage_name: stage.unwrap_or(Ok(DEFAULT_STAGE.to_owned()))?,
        route_selection_expression: properties.require("RouteSelectionExpression")?.require_literal()?,
        stage_variables: stage_variables_of(&api)?,
        routes: read_websocket_routes(&properties.require("Routes")?, functions)?,
    })
}

fn http_events<'d>(function: &Node<'d>) -> Result<Vec<Node<'d>>, TemplateError> {
    let Some(events) = function.get_in(&["Properties", "Events"]) else {
        return Ok(Vec::new());
    };
    let events = events.entries()?.into_iter().map(|(_, event)| event);
    Ok(events
        .filter(|event| event.get("Type").and_then(|node| node.literal()).as_deref() == Some("HttpApi"))
        .collect())
}

fn read_http_route(event: &Node<'_>, function: &str) -> Result<HttpRoute, TemplateError> {
    let properties = event.get("Properties");
    let property = |key: &str| properties.as_ref().and_then(|node| node.get(key));
    let (method, path) = match (property("Method"), property("Path")) {
        // An event without method and path is SAM's way to write the default route.
        (None, None) => (HttpRoute::ANY.to_owned(), HttpRoute::DEFAULT.to_owned()),
        (method, path) => (required(event, "Method", method)?, required(event, "Path", path)?),
    };
    if path != HttpRoute::DEFAULT && !path.starts_with('/') {
        return Err(event.unexpected("a route whose path begins with a slash"));
    }
    Ok(HttpRoute {
        method: method_of(&method),
        path,
        function: function.to_owned(),
    })
}

fn required(event: &Node<'_>, key: &str, value: Option<Node<'_>>) -> Result<String, TemplateError> {
    let missing = || TemplateError::Missing {
        path: format!("{}.Properties.{key}", event.path()),
    };
    value.ok_or_else(missing)?.require_literal()
}

fn method_of(method: &str) -> String {
    match method.to_ascii_uppercase().as_str() {
        "*" | "X-AMAZON-APIGATEWAY-ANY-METHOD" => HttpRoute::ANY.to_owned(),
        upper => upper.to_owned(),
    }
}

fn refuse_duplicate(routes: &[HttpRoute], route: &HttpRoute) -> Result<(), TemplateError> {
    let same = |other: &&HttpRoute| other.method == route.method && other.path == route.path;
    match routes.iter().find(same) {
        None => Ok(()),
        Some(other) => Err(TemplateError::DuplicateRoute {
            method: route.method.clone(),
            route: route.path.clone(),
            first: other.function.clone(),
            second: route.function.clone(),
        }),
    }
}

fn only_resource<'d>(document: &'d Document<'_>, kind: &'static str) -> Result<Option<Node<'d>>, TemplateError> {
    let mut resources = document.resources(kind)?;
    if resources.len() > 1 {
        return Err(TemplateError::SeveralApis { kind });
    }
    Ok(resources.pop().map(|(_, resource)| resource))
}

fn stage_variables_of(api: &Node<'_>) -> Result<BTreeMap<String, String>, TemplateError> {
    let Some(variables) = api.get_in(&["Properties", "StageVariables"]) else {
        return Ok(BTreeMap::new());
    };
    let variables = variables.entries()?.into_iter();
    variables
        .map(|(name, value)| Ok((name, value.require_literal()?)))
        .collect()
}

/// A list that is written out, or that a parameter gives: then its default, which is what an installation begins with.
fn literals_or_default(document: &Document<'_>, node: &Node<'_>) -> Result<Vec<String>, TemplateError> {
    let Some(Intrinsic::Ref(parameter)) = node.intrinsic() else {
        return node.literals();
    };
    let parameter = document.root().require("Parameters")?.require(&parameter)?;
    let default = parameter
        .get("Default")
        .map(|node| node.require_literal())
        .transpose()?;
    Ok(default
        .iter()
        .flat_map(|list| list.split(','))
        .map(|item| item.trim().to_owned())
        .filter(|item| !item.is_empty())
        .collect())
}

fn read_websocket_routes(
    routes: &Node<'_>,
    functions: &[FunctionDefinition],
) -> Result<BTreeMap<String, WebSocketRoute>, TemplateError> {
    let routes = routes.entries()?.into_iter();
    routes
        .map(|(key, route)| Ok((key, read_websocket_route(&route, functions)?)))
        .collect()
}

fn read_websocket_route(route: &Node<'_>, functions: &[FunctionDefinition]) -> Result<WebSocketRoute, TemplateError> {
    let target = route.require("FunctionArn")?;
    let timeout = route.get("IntegrationTimeout").map(|node| node.require_integer());
    Ok(WebSocketRoute {
        function: functions::name_of(functions, &target_of(&target)?, target.path())?.to_owned(),
        has_response: has_response(route)?,
        integration_timeout: timeout.transpose()?.map(Duration::from_millis),
    })
}

fn has_response(route: &Node<'_>) -> Result<bool, TemplateError> {
    let Some(expression) = route.get("RouteResponseSelectionExpression") else {
        return Ok(false);
    };
    if expression.require_literal()? == ROUTE_RESPONSE {
        Ok(true)
    } else {
        Err(expression.unexpected(ROUTE_RESPONSE))
    }
}

/// The logical id in `!GetAtt Function.Arn` or `!Sub ${Function.Arn}`.
fn target_of(arn: &Node<'_>) -> Result<String, TemplateError> {
    let in_sub = |text: &str| Some(text.strip_prefix("${")?.strip_suffix(".Arn}")?.to_owned());
    let logical_id = match arn.intrinsic() {
        Some(Intrinsic::GetAtt(logical_id)) => Some(logical_id),
        Some(Intrinsic::Sub(text)) => in_sub(&text),
        _ => None,
    };
    logical_id.ok_or_else(|| arn.unexpected("!GetAtt of a function's Arn"))
}
