//! A frame's way through the gateway: from the socket to a function as an event, and the function's answer back.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use aws_lambda_events::encodings::Body;
use divan::Bencher;
use futures_util::{FutureExt, SinkExt, StreamExt};
use local::gateway::{Connections, Function, Gateway, Options, Parts, QueueLimits};
use local::template::Template;
use shared::SystemClock;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

/// One function behind all routes, whose answers go back to the socket.
const TEMPLATE: &str = r"
Resources:
  HttpApi:
    Type: AWS::Serverless::HttpApi
  WebSocketApi:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: ws
      RouteSelectionExpression: $request.body.type
      Routes:
        $connect: {FunctionArn: !GetAtt Socket.Arn}
        $default: {FunctionArn: !GetAtt Socket.Arn, RouteResponseSelectionExpression: $default}
  Socket:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/socket}
";

const FRAME: &str = r#"{"type":"ping"}"#;

#[divan::bench]
fn a_frame_reaches_a_function_and_is_answered(bencher: Bencher<'_, '_>) {
    let runtime = Runtime::new().unwrap();
    let parts = Parts {
        functions: BTreeMap::from([("socket".to_owned(), Function::websocket(echo))]),
        connections: Connections::new(QueueLimits::default()),
        health: Arc::new(|| async { Ok(()) }.boxed()),
        clock: Arc::new(SystemClock),
    };
    let gateway = Gateway::new(&Template::parse(TEMPLATE).unwrap(), parts, Options::default()).unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    runtime.spawn(gateway.serve(listener, std::future::pending()));
    let (mut socket, _) = runtime.block_on(connect_async(url)).unwrap();
    let mut ask = || {
        runtime.block_on(async {
            socket.send(Message::text(FRAME)).await.unwrap();
            socket.next().await.unwrap().unwrap()
        })
    };
    assert_eq!(ask(), Message::text(FRAME));
    bencher.bench_local(ask);
}

/// Answers with what was sent.
async fn echo(event: ApiGatewayWebsocketProxyRequest) -> Result<ApiGatewayProxyResponse, Infallible> {
    let mut answer = ApiGatewayProxyResponse::default();
    answer.status_code = 200;
    answer.body = event.body.map(Body::Text);
    Ok(answer)
}
