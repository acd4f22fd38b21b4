//! CORS as an HTTP API does it: the gateway answers preflights, and its headers take the place of the function's.

use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::gateway::GatewayError;
use crate::template::Cors;

const FUNCTION_HEADERS: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// A CORS configuration, ready for answers.
pub(super) struct CorsPolicy {
    origins: Vec<String>,
    allow_credentials: bool,
    preflight: HeaderMap,
    expose_headers: Option<HeaderValue>,
}

impl CorsPolicy {
    /// Prepares the headers of a configuration.
    pub(super) fn new(cors: &Cors) -> Result<Self, GatewayError> {
        let mut preflight = HeaderMap::new();
        if let Some(methods) = list(&cors.allow_methods)? {
            preflight.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        if let Some(headers) = list(&cors.allow_headers)? {
            preflight.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
        }
        if let Some(max_age) = cors.max_age {
            preflight.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(max_age.as_secs()));
        }
        Ok(Self {
            origins: cors.allow_origins.clone(),
            allow_credentials: cors.allow_credentials,
            preflight,
            expose_headers: list(&cors.expose_headers)?,
        })
    }

    /// The answer to an `OPTIONS` request, which never reaches a function. What names no method asks for no permission.
    pub(super) fn preflight(&self, request: &HeaderMap) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        if request.contains_key(ACCESS_CONTROL_REQUEST_METHOD) && self.allow_origin(request.get(ORIGIN), headers) {
            headers.extend(self.preflight.clone());
        }
        response
    }

    /// Puts the gateway's headers in the place of the function's.
    pub(super) fn apply(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        for name in FUNCTION_HEADERS {
            headers.remove(name);
        }
        if self.allow_origin(origin, headers)
            && let Some(exposed) = &self.expose_headers
        {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
    }

    /// Adds the headers that admit `origin`, if it is to be admitted.
    fn allow_origin(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) -> bool {
        let Some(origin) = origin.filter(|origin| self.is_allowed(origin)) else {
            return false;
        };
        if self.allows_all() && !self.allow_credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
        if self.allow_credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        true
    }

    fn is_allowed(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        self.allows_all() || self.origins.iter().any(|allowed| matches(allowed, origin))
    }

    fn allows_all(&self) -> bool {
        self.origins.iter().any(|origin| origin == "*")
    }
}

/// An origin is listed as it is, or by its scheme: `https://*`.
fn matches(allowed: &str, origin: &str) -> bool {
    match allowed.strip_suffix('*') {
        Some(scheme) if scheme.ends_with("://") => origin.starts_with(scheme),
        _ => allowed.eq_ignore_ascii_case(origin),
    }
}

fn list(values: &[String]) -> Result<Option<HeaderValue>, GatewayError> {
    if values.is_empty() {
        return Ok(None);
    }
    let text = values.join(",");
    let value = HeaderValue::from_str(&text).map_err(|_| GatewayError::Cors(text))?;
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PAGE: HeaderValue = HeaderValue::from_static("https://page.example");

    fn cors(origins: &[&str]) -> Cors {
        Cors {
            allow_origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            allow_methods: vec!["GET".to_owned(), "PUT".to_owned()],
            allow_headers: vec!["authorization".to_owned()],
            expose_headers: vec!["Link".to_owned()],
            allow_credentials: false,
            max_age: Some(Duration::from_mins(1)),
        }
    }

    fn policy(origins: &[&str]) -> CorsPolicy {
        CorsPolicy::new(&cors(origins)).expect("a policy")
    }

    fn preflight() -> HeaderMap {
        let method = HeaderValue::from_static("PUT");
        HeaderMap::from_iter([(ORIGIN, PAGE), (ACCESS_CONTROL_REQUEST_METHOD, method)])
    }

    fn applied(policy: &CorsPolicy, origin: Option<&HeaderValue>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("the function's"));
        policy.apply(origin, &mut headers);
        headers
    }

    #[test]
    fn a_preflight_from_an_allowed_origin_lists_methods_and_headers() {
        let response = policy(&["*"]).preflight(&preflight());
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let headers = response.headers();
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], "GET,PUT");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "authorization");
        assert_eq!(headers[ACCESS_CONTROL_MAX_AGE], "60");
    }

    #[test]
    fn a_preflight_from_elsewhere_gets_no_permission() {
        let response = policy(&["https://other.example"]).preflight(&preflight());
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert!(response.headers().is_empty());
    }

    #[test]
    fn an_options_request_that_is_no_preflight_gets_no_permission() {
        for missing in [ORIGIN, ACCESS_CONTROL_REQUEST_METHOD] {
            let mut request = preflight();
            request.remove(missing);
            let response = policy(&["*"]).preflight(&request);
            assert_eq!(response.status(), StatusCode::NO_CONTENT);
            assert!(response.headers().is_empty());
        }
    }

    #[test]
    fn with_credentials_an_origin_is_echoed_even_where_all_are_allowed() {
        let mut cors = cors(&["*"]);
        cors.allow_credentials = true;
        let headers = applied(&CorsPolicy::new(&cors).expect("a policy"), Some(&PAGE));
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], PAGE);
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
    }

    #[test]
    fn the_functions_own_headers_are_dropped() {
        assert!(applied(&policy(&["*"]), None).is_empty());
        let headers = applied(&policy(&["*"]), Some(&PAGE));
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(headers[ACCESS_CONTROL_EXPOSE_HEADERS], "Link");
    }

    #[test]
    fn a_listed_origin_is_echoed() {
        for listed in ["https://page.example", "https://*"] {
            let headers = applied(&policy(&[listed]), Some(&PAGE));
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], PAGE, "{listed}");
            assert_eq!(headers[VARY], "origin", "{listed}");
        }
        assert!(applied(&policy(&["http://*"]), Some(&PAGE)).is_empty());
    }
}
