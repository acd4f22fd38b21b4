//! A gateway on a port of its own, and clients for it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use local::gateway::{Connections, Function, Gateway, InvokeApi, Options, Parts, QueueLimits};
use local::template::Template;
use serde_json::Value;
use shared::SystemClock;
use shared::domain::ConnectionId;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::toys::Toys;

/// How long anything may take before a test fails: far more than it ever takes on a busy machine, and less than what the gateway's own
/// default limits of 29 and 30 seconds would end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The routes of the toys.
pub(crate) const TEMPLATE: &str = r"
Resources:
  HttpApi:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration:
        {AllowOrigins: ['*'], AllowMethods: [GET, PUT], AllowHeaders: [authorization], ExposeHeaders: [Link], MaxAge: 60}
  WebSocketApi:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: ws
      RouteSelectionExpression: $request.body.type
      Routes:
        $connect: {FunctionArn: !GetAtt Socket.Arn}
        $disconnect: {FunctionArn: !GetAtt Socket.Arn}
        $default: {FunctionArn: !GetAtt Socket.Arn}
        special: {FunctionArn: !GetAtt Socket.Arn}
        twoWay: {FunctionArn: !GetAtt Socket.Arn, RouteResponseSelectionExpression: $default}
        hasty: {FunctionArn: !GetAtt Socket.Arn, IntegrationTimeout: 50}
  Http:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/http
      Events:
        Echo: {Type: HttpApi, Properties: {Method: ANY, Path: '/echo/{name}'}}
        Answer: {Type: HttpApi, Properties: {Method: GET, Path: /answer}}
        Binary: {Type: HttpApi, Properties: {Method: GET, Path: /binary}}
        Panic: {Type: HttpApi, Properties: {Method: GET, Path: /panic}}
        Slow: {Type: HttpApi, Properties: {Method: GET, Path: /slow}}
        Never: {Type: HttpApi, Properties: {Method: GET, Path: /never}}
        Size: {Type: HttpApi, Properties: {Method: POST, Path: /size}}
  Socket:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/socket}
";

/// A running gateway.
pub(crate) struct Harness {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Connections,
    pub(crate) healthy: Arc<AtomicBool>,
    events: mpsc::UnboundedReceiver<Value>,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Harness {
    /// A gateway with the default settings.
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// A gateway with these settings.
    pub(crate) async fn start_with(options: Options) -> Self {
        Self::start_from(TEMPLATE, options, QueueLimits::default()).await
    }

    /// A gateway for this template.
    pub(crate) async fn start_from(template: &str, options: Options, limits: QueueLimits) -> Self {
        Self::start_of(template, options, limits, Toys::functions).await
    }

    /// A gateway whose functions are behind this Invoke API.
    pub(crate) async fn start_lambda(url: &str, options: Options) -> Self {
        Self::start_lambda_from(TEMPLATE, url, options).await
    }

    /// A gateway for this template whose functions are behind this Invoke API.
    pub(crate) async fn start_lambda_from(template: &str, url: &str, options: Options) -> Self {
        let api = InvokeApi::new(&url.parse().expect("a URL")).expect("an API");
        let remote = |name: &str| (name.to_owned(), Function::remote(&api, name));
        let functions = |_: &Toys| ["http", "socket"].map(remote).into();
        Self::start_of(template, options, QueueLimits::default(), functions).await
    }

    async fn start_of(
        template: &str,
        options: Options,
        limits: QueueLimits,
        functions: impl FnOnce(&Toys) -> BTreeMap<String, Function>,
    ) -> Self {
        // The HTTP client insists on a TLS provider even where it never uses TLS. Only the first test installs one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (sender, events) = mpsc::unbounded_channel();
        let connections = Connections::new(limits);
        let toys = Toys {
            connections: connections.clone(),
            events: sender,
        };
        let healthy = Arc::new(AtomicBool::new(true));
        let parts = parts(&toys, functions(&toys), healthy.clone());
        let template = Template::parse(template).expect("a template");
        let gateway = Gateway::new(&template, parts, options).expect("a gateway");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(gateway.serve(listener, stopped.map(drop)));
        Self {
            address,
            connections,
            healthy,
            events,
            stop: Some(stop),
            server,
        }
    }

    /// The URL of an HTTP path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A raw connection.
    pub(crate) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// A WebSocket whose handshake has this query.
    pub(crate) async fn try_connect(&self, query: &str) -> Result<Client, Error> {
        let url = format!("ws://{}/ws?{query}", self.address);
        let (socket, _) = in_time(connect_async(url)).await?;
        Ok(Client(socket))
    }

    /// A WebSocket, and its id.
    pub(crate) async fn connect(&mut self) -> (Client, ConnectionId) {
        let client = self.try_connect("").await.expect("a connection");
        (client, self.connected().await)
    }

    /// The WebSocket of a client that calls itself `user_agent`, and its id.
    pub(crate) async fn connect_as(&mut self, user_agent: &str) -> (Client, ConnectionId) {
        let url = format!("ws://{}/ws", self.address);
        let request = ClientRequestBuilder::new(url.parse().expect("a URL")).with_header("user-agent", user_agent);
        let (socket, _) = in_time(connect_async(request)).await.expect("a connection");
        (Client(socket), self.connected().await)
    }

    /// The id of the connection that the next event, a `CONNECT`, tells of.
    pub(crate) async fn connected(&mut self) -> ConnectionId {
        let event = self.event("CONNECT").await;
        ConnectionId::new(event["requestContext"]["connectionId"].as_str().expect("an id"))
    }

    /// The next event that a toy got or told of.
    pub(crate) async fn next_event(&mut self) -> Value {
        in_time(self.events.recv()).await.expect("an event")
    }

    /// The next event of a WebSocket, which must be of this type.
    pub(crate) async fn event(&mut self, event_type: &str) -> Value {
        let event = self.next_event().await;
        assert_eq!(event["requestContext"]["eventType"], event_type, "{event}");
        event
    }

    /// The code and the reason of the next event, which must be a `DISCONNECT`.
    pub(crate) async fn disconnect(&mut self) -> (u64, String) {
        let event = self.event("DISCONNECT").await;
        let context = &event["requestContext"];
        let code = context["disconnectStatusCode"].as_u64().expect("a code");
        (code, context["disconnectReason"].as_str().expect("a reason").to_owned())
    }

    /// Whether no event comes for a while.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        let next = timeout(Duration::from_millis(100), self.events.recv()).await;
        !matches!(next, Ok(Some(_)))
    }

    /// Tells the gateway to stop.
    pub(crate) fn stop(&mut self) {
        let stop = self.stop.take().expect("a gateway that was not stopped before");
        stop.send(()).expect("a running gateway");
    }

    /// Waits until the gateway has stopped.
    pub(crate) async fn stopped(self) {
        in_time(self.server).await.expect("an orderly end");
    }
}

fn parts(toys: &Toys, functions: BTreeMap<String, Function>, healthy: Arc<AtomicBool>) -> Parts {
    let health = move || {
        let outcome = if healthy.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err("told so".to_owned())
        };
        async move { outcome }.boxed()
    };
    Parts {
        functions,
        connections: toys.connections.clone(),
        health: Arc::new(health),
        clock: Arc::new(SystemClock),
    }
}

/// A WebSocket's client.
pub(crate) struct Client(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    /// Sends a message.
    pub(crate) async fn send(&mut self, message: impl Into<Message>) {
        in_time(self.0.send(message.into())).await.expect("a message is sent");
    }

    /// The next message, whatever it is.
    pub(crate) async fn next(&mut self) -> Option<Result<Message, Error>> {
        in_time(self.0.next()).await
    }

    /// The next text.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            match self.next().await {
                Some(Ok(Message::Text(text))) => return text.as_str().to_owned(),
                Some(Ok(Message::Ping(_))) => {}
                other => panic!("a text, not {other:?}"),
            }
        }
    }

    /// The close frame that ends the connection; texts before it are skipped.
    pub(crate) async fn close_frame(&mut self) -> (u16, String) {
        let frame = loop {
            match self.next().await {
                Some(Ok(Message::Close(frame))) => break frame.expect("a close frame with a code"),
                Some(Ok(_)) => {}
                other => panic!("a close frame, not {other:?}"),
            }
        };
        assert!(self.next().await.is_none(), "the connection ends in order");
        let CloseFrame { code, reason } = frame;
        (code.into(), reason.as_str().to_owned())
    }

    /// The connection beneath.
    pub(crate) fn tcp(&mut self) -> &mut TcpStream {
        match self.0.get_mut() {
            MaybeTlsStream::Plain(stream) => stream,
            _ => panic!("a plain connection"),
        }
    }
}

/// Waits for something that must come soon.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("an end before long")
}
