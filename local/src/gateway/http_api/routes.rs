//! Which function a method and a path lead to.

use std::collections::{BTreeMap, HashMap};

use http::Method;
use matchit::Router;

use crate::gateway::encoding::decode_path;
use crate::gateway::{Function, GatewayError};
use crate::template::HttpRoute;

/// The routes of an HTTP API.
///
/// The most specific route wins, as in API Gateway: a full match, then one with a greedy path variable, then `$default`;
/// and among equals one for the method before one for `ANY`.
#[derive(Default)]
pub(super) struct Routes {
    exact: HashMap<String, Router<Route>>,
    greedy: HashMap<String, Router<Route>>,
    default: Option<Route>,
}

struct Route {
    key: String,
    function: Function,
    parameters: Vec<String>,
}

/// The route of a request.
pub(super) struct RouteMatch<'r> {
    /// The route's key: `GET /things/{id}`, or `$default`.
    pub(super) key: &'r str,
    /// What it invokes.
    pub(super) function: &'r Function,
    /// The path's parameters, decoded.
    pub(super) parameters: HashMap<String, String>,
}

impl Routes {
    /// Binds routes to functions.
    pub(super) fn new(routes: &[HttpRoute], functions: &BTreeMap<String, Function>) -> Result<Self, GatewayError> {
        let mut bound = Self::default();
        for route in routes {
            let function = functions
                .get(&route.function)
                .ok_or_else(|| GatewayError::MissingFunction {
                    route: key_of(route),
                    function: route.function.clone(),
                })?;
            bound.insert(route, function.clone())?;
        }
        Ok(bound)
    }

    /// The route for a method and an encoded path.
    pub(super) fn find<'r>(&'r self, method: &Method, path: &str) -> Option<RouteMatch<'r>> {
        let in_table = |table: &'r HashMap<String, Router<Route>>| {
            let methods = [method.as_str(), HttpRoute::ANY];
            methods.iter().find_map(|method| find_in(table.get(*method)?, path))
        };
        let default = || {
            self.default.as_ref().map(|route| RouteMatch {
                key: &route.key,
                function: &route.function,
                parameters: HashMap::new(),
            })
        };
        in_table(&self.exact)
            .or_else(|| in_table(&self.greedy))
            .or_else(default)
    }

    fn insert(&mut self, definition: &HttpRoute, function: Function) -> Result<(), GatewayError> {
        let (pattern, parameters) = pattern_of(&definition.path);
        let is_greedy = pattern.contains("{*");
        let route = Route {
            key: key_of(definition),
            function,
            parameters,
        };
        if definition.path == HttpRoute::DEFAULT {
            self.default = Some(route);
            return Ok(());
        }
        let table = if is_greedy { &mut self.greedy } else { &mut self.exact };
        let router = table.entry(definition.method.clone()).or_default();
        router.insert(pattern, route).map_err(|error| GatewayError::Route {
            route: key_of(definition),
            reason: error.to_string(),
        })
    }
}

fn key_of(route: &HttpRoute) -> String {
    if route.path == HttpRoute::DEFAULT {
        route.path.clone()
    } else {
        format!("{} {}", route.method, route.path)
    }
}

fn find_in<'r>(router: &'r Router<Route>, path: &str) -> Option<RouteMatch<'r>> {
    let found = router.at(path).ok()?;
    let values = found.params.iter().map(|(_, value)| decode_path(value));
    Some(RouteMatch {
        key: &found.value.key,
        function: &found.value.function,
        parameters: found.value.parameters.iter().cloned().zip(values).collect(),
    })
}

/// A path as the router writes it, and the names of its parameters in order. The router gets numbers for names: it
/// refuses two names at one place, which API Gateway allows.
fn pattern_of(path: &str) -> (String, Vec<String>) {
    let mut names = Vec::new();
    let mut name_of = |segment: &str| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        let number = names.len();
        let (name, star) = name.strip_suffix('+').map_or((name, ""), |name| (name, "*"));
        names.push(name.to_owned());
        Some(format!("{{{star}{number}}}"))
    };
    let segments: Vec<String> = path
        .split('/')
        .map(|segment| name_of(segment).unwrap_or_else(|| segment.to_owned()))
        .collect();
    (segments.join("/"), names)
}

#[cfg(test)]
mod tests {
    use axum::Router as App;
    use proptest::prelude::*;

    use super::*;

    fn routes(list: &[&str]) -> Routes {
        let definitions: Vec<HttpRoute> = list
            .iter()
            .map(|key| {
                let (method, path) = key.split_once(' ').unwrap_or((HttpRoute::ANY, key));
                HttpRoute {
                    method: method.to_owned(),
                    path: path.to_owned(),
                    function: "f".to_owned(),
                }
            })
            .collect();
        let functions = BTreeMap::from([("f".to_owned(), Function::http(App::new()))]);
        Routes::new(&definitions, &functions).expect("routes")
    }

    fn key<'r>(routes: &'r Routes, method: &Method, path: &str) -> Option<&'r str> {
        routes.find(method, path).map(|route| route.key)
    }

    #[test]
    fn a_route_takes_its_method_and_path_only() {
        let routes = routes(&["GET /users/me", "POST /messages/{id}/delete", "DELETE /messages/{id}"]);
        assert_eq!(key(&routes, &Method::GET, "/users/me"), Some("GET /users/me"));
        for (method, path) in [
            (Method::HEAD, "/users/me"),
            (Method::POST, "/users/me"),
            (Method::GET, "/users/me/"),
            (Method::GET, "/users"),
            (Method::GET, "//users/me"),
            (Method::DELETE, "/messages/"),
            (Method::OPTIONS, "*"),
        ] {
            assert_eq!(key(&routes, &method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn parameters_are_named_as_in_the_template_and_decoded() {
        let routes = routes(&["GET /a/{one}/b/{two}", "GET /a/{other}"]);
        let found = routes.find(&Method::GET, "/a/x%20y/b/%C3%A9").expect("a route");
        assert_eq!(found.parameters["one"], "x y");
        assert_eq!(found.parameters["two"], "é");
        let found = routes.find(&Method::GET, "/a/z").expect("a route");
        assert_eq!(found.parameters["other"], "z");
    }

    #[test]
    fn the_most_specific_route_wins() {
        let routes = routes(&[
            "GET /pets/dog/1",
            "GET /pets/dog/{id}",
            "GET /pets/{proxy+}",
            "ANY /{proxy+}",
            "ANY /pets/cat",
            "$default",
        ]);
        let get = |path| key(&routes, &Method::GET, path);
        assert_eq!(get("/pets/dog/1"), Some("GET /pets/dog/1"));
        assert_eq!(get("/pets/dog/2"), Some("GET /pets/dog/{id}"));
        assert_eq!(get("/pets/cat"), Some("ANY /pets/cat"));
        assert_eq!(get("/pets/cat/3"), Some("GET /pets/{proxy+}"));
        assert_eq!(key(&routes, &Method::POST, "/pets/dog/1"), Some("ANY /{proxy+}"));
        assert_eq!(get("/"), Some("$default"));
        let greedy = routes.find(&Method::GET, "/pets/cat/3").expect("a route");
        assert_eq!(greedy.parameters["proxy"], "cat/3");
    }

    #[test]
    fn a_route_without_its_function_is_refused() {
        let definition = HttpRoute {
            method: "GET".to_owned(),
            path: "/a".to_owned(),
            function: "absent".to_owned(),
        };
        let error = Routes::new(&[definition], &BTreeMap::new()).err().expect("an error");
        assert_eq!(
            error.to_string(),
            "the template routes GET /a to absent, which does not exist here"
        );
    }

    proptest! {
        #[test]
        fn no_path_is_too_odd_to_be_looked_up(path in ".*") {
            let routes = routes(&["GET /chats/{userId}", "ANY /files/{proxy+}"]);
            let _ = routes.find(&Method::GET, &path);
        }

        #[test]
        fn a_parameter_is_what_the_client_encoded(value in "\\PC+") {
            let routes = routes(&["GET /chats/{userId}"]);
            let encoded = percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC).to_string();
            let found = routes.find(&Method::GET, &format!("/chats/{encoded}")).expect("a route");
            prop_assert_eq!(&found.parameters["userId"], &value);
        }
    }
}
