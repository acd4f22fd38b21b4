//! Functions that do as they are told.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use axum::Router;
use axum::extract::Request;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, SET_COOKIE};
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{any, get, post};
use lambda_http::request::RequestContext;
use local::gateway::{Connections, Function};
use serde_json::{Value, json};
use shared::domain::ConnectionId;
use shared::push::Push;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::sleep;

/// Long beyond what any test waits for.
const LONG: Duration = Duration::from_mins(1);

/// The functions behind the routes of [`super::harness::TEMPLATE`], which send the events they get to `events`.
#[derive(Clone)]
pub(crate) struct Toys {
    pub(crate) connections: Connections,
    pub(crate) events: UnboundedSender<Value>,
}

impl Toys {
    /// All of them.
    pub(crate) fn functions(&self) -> BTreeMap<String, Function> {
        BTreeMap::from([
            ("http".to_owned(), self.http()),
            ("socket".to_owned(), self.websocket()),
        ])
    }

    /// Answers HTTP requests.
    fn http(&self) -> Function {
        let events = self.events.clone();
        let slow = move || async move {
            // The test may not be listening.
            let _ = events.send(json!("slow begins"));
            sleep(Duration::from_millis(200)).await;
            let _ = events.send(json!("slow is done"));
            "done"
        };
        let router = Router::new()
            .route("/echo/{name}", any(echo))
            .route("/answer", get(answer))
            .route(
                "/binary",
                get(|| async { ([(CONTENT_TYPE, "image/png")], [0_u8, 159, 255]) }),
            )
            .route(
                "/panic",
                get(|| async { panic!("a toy panics, as it should") as &'static str }),
            )
            .route("/slow", get(slow))
            .route("/never", get(|| sleep(LONG)))
            .route("/size", post(size));
        Function::http(router)
    }

    /// Takes the events of the WebSocket API.
    fn websocket(&self) -> Function {
        let toys = self.clone();
        Function::websocket(move |event| {
            let toys = toys.clone();
            async move { toys.on_event(event).await }
        })
    }

    async fn on_event(&self, event: ApiGatewayWebsocketProxyRequest) -> Result<ApiGatewayProxyResponse, String> {
        // The test may not be listening.
        let _ = self.events.send(serde_json::to_value(&event).expect("an event"));
        match event.request_context.event_type.as_deref() {
            Some("CONNECT") => self.on_connect(&event).await,
            Some("MESSAGE") => self.on_message(&event).await,
            _ => Ok(answer_with(200)),
        }
    }

    async fn on_connect(&self, event: &ApiGatewayWebsocketProxyRequest) -> Result<ApiGatewayProxyResponse, String> {
        let query = &event.query_string_parameters;
        match query.first("do") {
            Some("fail") => return Err("told to fail".to_owned()),
            Some("panic") => panic!("a toy panics, as it should"),
            Some("wait") => sleep(Duration::from_millis(100)).await,
            Some("hang") => sleep(LONG).await,
            Some("push") => {
                let connection = connection(event);
                let outcome = self.connections.post(&connection, "early".into()).await;
                let is_open = self.connections.is_open(&connection).await;
                let _ = self
                    .events
                    .send(json!({ "early": format!("{outcome:?}, open: {is_open:?}") }));
            }
            _ => {}
        }
        let status = query
            .first("status")
            .and_then(|status| status.parse().ok())
            .unwrap_or(200);
        let mut response = answer_with(status);
        if let Some(protocol) = query.first("protocol") {
            let value = protocol.parse().map_err(|_| "no header value".to_owned())?;
            response.headers.insert("sec-websocket-protocol", value);
        }
        Ok(response)
    }

    async fn on_message(&self, event: &ApiGatewayWebsocketProxyRequest) -> Result<ApiGatewayProxyResponse, String> {
        let body = event.body.as_deref().unwrap_or_default();
        let (command, argument) = body.split_once(' ').unwrap_or((body, ""));
        match command {
            "fail" => return Err("told to fail".to_owned()),
            "panic" => panic!("a toy panics, as it should"),
            "hang" => sleep(LONG).await,
            "refuse" => return Ok(answer_with(500)),
            "wait" => {
                let duration = Duration::from_millis(argument.parse().unwrap_or(50));
                sleep(duration).await;
                self.push(event, "waited").await;
            }
            _ => self.push(event, body).await,
        }
        Ok(answer_with(200))
    }

    async fn push(&self, event: &ApiGatewayWebsocketProxyRequest, text: &str) {
        // A client that is gone gets nothing.
        let _ = self.connections.post(&connection(event), text.to_owned().into()).await;
    }
}

/// The connection that an event is about.
fn connection(event: &ApiGatewayWebsocketProxyRequest) -> ConnectionId {
    ConnectionId::new(event.request_context.connection_id.clone().expect("a connection"))
}

/// An answer with a body that must not get to a WebSocket's client.
fn answer_with(status: i64) -> ApiGatewayProxyResponse {
    let mut response = ApiGatewayProxyResponse::default();
    response.status_code = status;
    response.body = Some(lambda_http::Body::Text("not to be sent".to_owned()));
    response
}

/// Tells what the function was given.
async fn echo(request: Request) -> impl IntoResponse {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let context = head.extensions.get::<RequestContext>().cloned();
    let told = json!({
        "method": head.method.as_str(),
        "path": head.uri.path(),
        "query": head.uri.query(),
        "cookie": head.headers.get("cookie").and_then(|cookie| cookie.to_str().ok()),
        "body": String::from_utf8_lossy(&body),
        "context": context,
    });
    ([(CONTENT_TYPE, "application/json")], told.to_string())
}

/// Tells how large a body the function was given.
async fn size(request: Request) -> String {
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    body.expect("a body").len().to_string()
}

/// An answer with everything that a gateway treats in its own way.
async fn answer() -> impl IntoResponse {
    let cookies = AppendHeaders([(SET_COOKIE, "a=1"), (SET_COOKIE, "b=2")]);
    (
        cookies,
        [(ACCESS_CONTROL_ALLOW_ORIGIN, "https://function.example")],
        "text",
    )
}
