//! The two APIs: of the kinds that `local` knows too, throttled, documented, with their URLs as outputs.

use local::template::Template as Gateway;
use serde_json::{Value, json};

use crate::packages::root;
use crate::template::Template;

const APIS: [(&str, &str); 2] = [
    ("HttpApi", "AWS::Serverless::HttpApi"),
    ("WebSocketApi", "AWS::Serverless::WebSocketApi"),
];

pub(crate) fn faults(template: &Template) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, kind) in APIS {
        let api = template.resource(name);
        if api["Type"] != kind {
            faults.push(format!("{name} is a {}, not a {kind}", api["Type"]));
        }
        for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
            if api["Properties"]["DefaultRouteSettings"][limit].is_null() {
                faults.push(format!("{name} has no {limit}"));
            }
        }
    }
    let settings = &template.resource("WebSocketApi")["Properties"]["DefaultRouteSettings"];
    if settings["DataTraceEnabled"] != json!(false) || settings["LoggingLevel"] != "OFF" {
        faults.push("DataTraceEnabled and LoggingLevel would log events with tokens in them".to_owned());
    }
    for output in ["HttpApiUrl", "WebSocketUrl"] {
        if template.0["Outputs"][output].is_null() {
            faults.push(format!("the output {output} is missing"));
        }
    }
    faults.extend(route_faults(template));
    faults
}

/// Each route of the HTTP API stands in the document, and the socket has the three routes that clients need.
fn route_faults(template: &Template) -> Vec<String> {
    let document = std::fs::read_to_string(root().join("docs/openapi.yaml")).unwrap();
    let document = Template::parse(&document).0;
    let mut faults = Vec::new();
    for (method, path) in http_routes(template) {
        if document["paths"][&path][method.to_lowercase()].is_null() {
            faults.push(format!("{method} {path} is not in docs/openapi.yaml"));
        }
    }
    let routes = &template.resource("WebSocketApi")["Properties"]["Routes"];
    for route in ["$connect", "$disconnect", "$default"] {
        if routes[route].is_null() {
            faults.push(format!("the WebSocket API has no route {route}"));
        }
    }
    faults
}

fn http_routes(template: &Template) -> Vec<(String, String)> {
    let functions = template.resources_of(crate::template::FUNCTION);
    let events = functions.flat_map(|(_, function)| {
        let events = function["Properties"]["Events"].as_object();
        events.into_iter().flat_map(|events| events.values())
    });
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    events
        .map(|event| &event["Properties"])
        .map(|route| (text(&route["Method"]), text(&route["Path"])))
        .collect()
}

#[test]
fn local_serves_the_routes_that_are_deployed() {
    let source = crate::real();
    let gateway = Gateway::parse(&source).unwrap();
    let served: Vec<_> = gateway
        .http_routes
        .iter()
        .map(|route| (route.method.clone(), route.path.clone()))
        .collect();
    let mut deployed = http_routes(&Template::parse(&source));
    deployed.sort();
    let mut sorted = served.clone();
    sorted.sort();
    assert_eq!(sorted, deployed);
    let functions = gateway.http_routes.iter().map(|route| &route.function);
    for function in functions.chain(gateway.websocket.routes.values().map(|route| &route.function)) {
        assert!(root().join("functions").join(function).is_dir(), "{function}");
    }
}
