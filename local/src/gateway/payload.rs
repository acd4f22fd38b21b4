//! Events as the JSON that a Lambda function is sent.
//!
//! The events' types have members that API Gateway does not send for these APIs, and lack the spelling of header names:
//! what is made here has the members of captured events and no others.

use std::collections::BTreeMap;
use std::mem;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayWebsocketProxyRequest};
use http::HeaderMap;
use serde::Serialize;
use serde_json::{Error, Map, Value, json};

use super::encoding::header_text;
use super::spelling::Spelling;

/// An event of a WebSocket API, and what its type does not hold.
#[derive(Debug, Clone, Default)]
pub(super) struct WebSocketEvent {
    /// The event. It is over a kilobyte, and each future that it is handed on through would have room for it.
    pub(super) event: Box<ApiGatewayWebsocketProxyRequest>,
    /// How its headers are spelt.
    pub(super) spelling: Spelling,
}

/// The event of a request to an HTTP API, in payload format 2.0.
///
/// # Errors
///
/// None in practice: the type promises no more than that it tries.
pub(super) fn http(mut event: ApiGatewayV2httpRequest) -> Result<Value, Error> {
    let headers = mem::take(&mut event.headers);
    let mut payload = present_members(&event)?;
    // The type has it for events of another kind.
    remove(&mut payload, "httpMethod");
    payload["headers"] = headers
        .iter()
        .map(|(name, value)| (name.to_string(), header_text(value)))
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .collect();
    Ok(payload)
}

/// An event of a WebSocket API.
///
/// # Errors
///
/// None in practice, as with [`http`].
pub(super) fn websocket(event: WebSocketEvent) -> Result<Value, Error> {
    let WebSocketEvent { mut event, spelling } = event;
    event.headers = HeaderMap::new();
    let headers = mem::take(&mut event.multi_value_headers);
    let mut payload = present_members(&event)?;
    // The type writes lists here; the last value counts.
    if let Some(Value::Object(query)) = payload.get_mut("queryStringParameters") {
        for values in query.values_mut() {
            *values = last_of(values);
        }
    }
    if !headers.is_empty() {
        let all = spelt(&headers, &spelling);
        let last = all.iter().map(|(name, values)| (name.clone(), last_of(values)));
        payload["headers"] = last.collect();
        payload["multiValueHeaders"] = all.into_iter().collect();
    }
    Ok(payload)
}

fn spelt(headers: &HeaderMap, spelling: &Spelling) -> BTreeMap<String, Value> {
    let names = spelling.names();
    let spelt = headers.keys().map(|name| {
        let values: Vec<String> = headers.get_all(name).iter().map(header_text).collect();
        (names.spelt(name), json!(values))
    });
    spelt.collect()
}

fn last_of(values: &Value) -> Value {
    let last = values.as_array().and_then(|values| values.last());
    last.cloned().unwrap_or_default()
}

/// A value as JSON, without the members that are null or have nothing in them.
fn present_members(value: &impl Serialize) -> Result<Value, Error> {
    let mut json = serde_json::to_value(value)?;
    prune(&mut json);
    Ok(json)
}

fn prune(value: &mut Value) {
    if let Value::Object(members) = value {
        members.values_mut().for_each(prune);
        let is_absent = |member: &Value| member.is_null() || member.as_object().is_some_and(Map::is_empty);
        members.retain(|_, member| !is_absent(member));
    }
}

fn remove(payload: &mut Value, member: &str) {
    if let Value::Object(members) = payload {
        members.remove(member);
    }
}
