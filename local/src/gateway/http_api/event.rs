//! A request as an event in payload format 2.0.

use aws_lambda_events::apigw::{
    ApiGatewayV2httpRequest, ApiGatewayV2httpRequestContext, ApiGatewayV2httpRequestContextHttpDescription,
};
use aws_lambda_events::query_map::QueryMap;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::routes::RouteMatch;
use crate::gateway::call::{ACCOUNT_ID, API_ID, Call};
use crate::gateway::encoding;

/// The stage of an HTTP API that has no path prefix.
const STAGE: &str = "$default";

/// Media types beside `text/*` whose bodies go into an event as they are (measured on the service; its documents do not
/// list them).
const TEXT_TYPES: [&str; 3] = ["application/json", "application/javascript", "application/xml"];

/// The event of a request.
pub(super) fn event_of(head: &Parts, body: Bytes, route: &RouteMatch<'_>, call: &Call) -> ApiGatewayV2httpRequest {
    let query = head.uri.query().unwrap_or_default();
    let (body, is_base64_encoded) = body_of(head.headers.get(CONTENT_TYPE), body);
    let mut event = ApiGatewayV2httpRequest::default();
    event.version = Some("2.0".to_owned());
    event.route_key = Some(route.key.to_owned());
    // Raw as it is called, HTTP APIs give it decoded.
    event.raw_path = Some(encoding::decode_path(head.uri.path()));
    event.raw_query_string = Some(query.to_owned());
    event.cookies = cookies_of(&head.headers);
    event.headers = headers_of(&head.headers, call);
    event.query_string_parameters = QueryMap::from(encoding::joined_query_parameters(query));
    event.path_parameters.clone_from(&route.parameters);
    event.request_context = context_of(head, route, call);
    event.body = body;
    event.is_base64_encoded = is_base64_encoded;
    event
}

fn context_of(head: &Parts, route: &RouteMatch<'_>, call: &Call) -> ApiGatewayV2httpRequestContext {
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.account_id = Some(ACCOUNT_ID.to_owned());
    context.apiid = Some(API_ID.to_owned());
    context.domain_prefix = call.domain_name.split('.').next().map(str::to_owned);
    context.domain_name = Some(call.domain_name.clone());
    context.http = http_description_of(head, call);
    context.request_id = Some(call.request_id.clone());
    context.route_key = Some(route.key.to_owned());
    context.stage = Some(STAGE.to_owned());
    context.time = Some(encoding::request_time(call.received_at));
    context.time_epoch = call.received_at.timestamp_millis();
    context
}

fn http_description_of(head: &Parts, call: &Call) -> ApiGatewayV2httpRequestContextHttpDescription {
    let mut description = ApiGatewayV2httpRequestContextHttpDescription::default();
    description.method = head.method.clone();
    description.path = Some(encoding::decode_path(head.uri.path()));
    description.protocol = Some(format!("{:?}", head.version));
    description.source_ip = Some(call.source.to_string());
    description.user_agent.clone_from(&call.user_agent);
    description
}

fn cookies_of(headers: &HeaderMap) -> Option<Vec<String>> {
    let cookies: Vec<String> = headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|value| {
            let text = encoding::header_text(value);
            text.split(';')
                .map(|cookie| cookie.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .filter(|cookie| !cookie.is_empty())
        .collect();
    (!cookies.is_empty()).then_some(cookies)
}

/// The headers without cookies, which have a place of their own; several of one name joined by commas.
fn headers_of(headers: &HeaderMap, call: &Call) -> HeaderMap {
    let mut joined: HeaderMap = headers
        .keys()
        .filter(|name| *name != COOKIE)
        .filter_map(|name| Some((name.clone(), joined_value(headers, name)?)))
        .collect();
    call.add_gateway_headers(&mut joined);
    joined
}

fn joined_value(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let values: Vec<HeaderValue> = headers.get_all(name).iter().map(encoding::text_value).collect();
    let values: Vec<&[u8]> = values.iter().map(HeaderValue::as_bytes).collect();
    HeaderValue::from_bytes(&values.join(&b","[..])).ok()
}

fn body_of(content_type: Option<&HeaderValue>, body: Bytes) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    if !is_text(content_type) {
        return (Some(encoding::base64(&body)), true);
    }
    match String::from_utf8(body.into()) {
        Ok(text) => (Some(text), false),
        Err(error) => (Some(encoding::base64(error.as_bytes())), true),
    }
}

/// Whether a body goes into an event as text. A form does not, nor does a body of which no type is told.
fn is_text(content_type: Option<&HeaderValue>) -> bool {
    let Some(content_type) = content_type else {
        return false;
    };
    let media_type = encoding::header_text(content_type).to_ascii_lowercase();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    media_type.starts_with("text/") || TEXT_TYPES.contains(&media_type)
}

#[cfg(test)]
mod tests;
