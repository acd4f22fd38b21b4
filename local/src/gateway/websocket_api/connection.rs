//! A connection and the events that tell of it.

use std::collections::HashMap;

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use aws_lambda_events::query_map::QueryMap;
use chrono::{DateTime, Utc};
use http::header::{CONNECTION, HOST, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use serde::Serialize;
use shared::domain::ConnectionId;

use super::ending::Ending;
use super::route_selection::{CONNECT, DISCONNECT};
use crate::gateway::call::{API_ID, Call};
use crate::gateway::connections::Client;
use crate::gateway::encoding;
use crate::gateway::payload::WebSocketEvent;
use crate::gateway::spelling::{FirstHead, Spelling};

/// A client's connection, as its handshake showed it. The events that tell of it repeat that.
pub(super) struct Connection {
    /// Its name in events and pushes.
    pub(super) id: ConnectionId,
    /// Whose it is.
    pub(super) client: Client,
    stage: String,
    domain_name: String,
}

impl Connection {
    /// A connection that begins with the handshake of `call`.
    pub(super) fn new(stage: &str, call: &Call) -> Self {
        Self {
            id: ConnectionId::new(encoding::fresh_id()),
            client: Client {
                connected_at: call.received_at,
                source_ip: call.source.to_string(),
                user_agent: call.user_agent.clone(),
            },
            stage: stage.to_owned(),
            domain_name: call.domain_name.clone(),
        }
    }

    /// The event of the handshake.
    pub(super) fn connect_event<B>(&self, request: &Request<B>, call: &Call) -> WebSocketEvent {
        let mut event = self.event("CONNECT", CONNECT, call.request_id.clone(), call.received_at);
        event.multi_value_headers = handshake_headers(request.headers(), call);
        event.headers = last_values(&event.multi_value_headers);
        let query = encoding::query_parameters(request.uri().query().unwrap_or_default());
        let mut all: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in query.iter().cloned() {
            all.entry(name).or_default().push(value);
        }
        let last: HashMap<String, String> = query.into_iter().collect();
        event.query_string_parameters = QueryMap::from(last);
        event.multi_value_query_string_parameters = QueryMap::from(all);
        let head = request.extensions().get::<FirstHead>();
        let spelling = head.map(FirstHead::spelling).unwrap_or_default();
        WebSocketEvent { event, spelling }
    }

    /// The event of a message.
    pub(super) fn message_event(&self, route_key: &str, text: &str, now: DateTime<Utc>) -> WebSocketEvent {
        let mut event = self.event("MESSAGE", route_key, encoding::fresh_id(), now);
        event.request_context.message_id = Some(encoding::fresh_id());
        event.body = Some(text.to_owned());
        without_client_headers(event)
    }

    /// The event of the connection's end.
    pub(super) fn disconnect_event(&self, ending: &Ending, now: DateTime<Utc>) -> WebSocketEvent {
        let mut event = self.event("DISCONNECT", DISCONNECT, encoding::fresh_id(), now);
        event.request_context.disconnect_status_code = Some(i64::from(ending.code));
        event.request_context.disconnect_reason = Some(ending.reason.to_string());
        event.headers = self.disconnect_headers();
        event.multi_value_headers = event.headers.clone();
        without_client_headers(event)
    }

    /// The frame by which a client learns that its message led to nothing.
    pub(super) fn failure_frame(&self, message: &str, request_id: &str) -> String {
        let frame = FailureFrame {
            message,
            connection_id: self.id.as_str(),
            request_id,
        };
        // Strings are always JSON.
        serde_json::to_string(&frame).unwrap_or_default()
    }

    fn event(
        &self,
        event_type: &str,
        route_key: &str,
        request_id: String,
        now: DateTime<Utc>,
    ) -> Box<ApiGatewayWebsocketProxyRequest> {
        let mut event = Box::<ApiGatewayWebsocketProxyRequest>::default();
        let context = &mut event.request_context;
        context.apiid = Some(API_ID.to_owned());
        context.connected_at = self.client.connected_at.timestamp_millis();
        context.connection_id = Some(self.id.to_string());
        context.domain_name = Some(self.domain_name.clone());
        context.identity.source_ip = Some(self.client.source_ip.clone());
        context.identity.user_agent.clone_from(&self.client.user_agent);
        context.message_direction = Some("IN".to_owned());
        context.stage = Some(self.stage.clone());
        context.event_type = Some(event_type.to_owned());
        context.route_key = Some(route_key.to_owned());
        context.extended_request_id = Some(request_id.clone());
        context.request_id = Some(request_id);
        context.request_time = Some(encoding::request_time(now));
        context.request_time_epoch = now.timestamp_millis();
        event
    }

    /// The four headers of captured events; all but the first are empty there too.
    fn disconnect_headers(&self) -> HeaderMap {
        const EMPTY: HeaderValue = HeaderValue::from_static("");
        HeaderMap::from_iter([
            (HOST, HeaderValue::from_str(&self.domain_name).unwrap_or(EMPTY)),
            (HeaderName::from_static("x-api-key"), EMPTY),
            (HeaderName::from_static("x-forwarded-for"), EMPTY),
            (HeaderName::from_static("x-restapi"), EMPTY),
        ])
    }
}

/// What the service says of a failure, its members in the service's order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FailureFrame<'a> {
    message: &'a str,
    connection_id: &'a str,
    request_id: &'a str,
}

/// An event whose headers, if it has any, are the gateway's.
fn without_client_headers(event: Box<ApiGatewayWebsocketProxyRequest>) -> WebSocketEvent {
    WebSocketEvent {
        event,
        spelling: Spelling::default(),
    }
}

/// A handshake's headers without those that concern the socket.
fn handshake_headers(headers: &HeaderMap, call: &Call) -> HeaderMap {
    let mut headers = headers.clone();
    headers.remove(CONNECTION);
    headers.remove(UPGRADE);
    headers
        .values_mut()
        .for_each(|value| *value = encoding::text_value(value));
    call.add_gateway_headers(&mut headers);
    headers
}

fn last_values(headers: &HeaderMap) -> HeaderMap {
    let mut last = HeaderMap::with_capacity(headers.keys_len());
    for (name, value) in headers {
        last.insert(name.clone(), value.clone());
    }
    last
}

#[cfg(test)]
mod tests;
