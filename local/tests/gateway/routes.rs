//! What a template can say about routes and stages.

use std::future::pending;

use axum::Json;
use axum::response::IntoResponse;
use local::gateway::{Options, QueueLimits};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::harness::{Harness, TEMPLATE, in_time};
use crate::invoke_api::InvokeApi;

/// An API that answers each event with its route's key for a body, and this status.
async fn telling_routes(status: u16) -> InvokeApi {
    InvokeApi::start(move |_, event| {
        let body = event["requestContext"]["routeKey"].clone();
        let is_message = event["requestContext"]["eventType"] == "MESSAGE";
        let status = if is_message { status } else { 200 };
        std::future::ready(Json(json!({"statusCode": status, "body": body})).into_response())
    })
    .await
}

/// The template with the HTTP routes replaced by these.
fn with_http_routes(events: &str) -> String {
    let (before, rest) = TEMPLATE.split_once("      Events:\n").expect("events");
    let (_, after) = rest.split_once("  Socket:\n").expect("the next resource");
    format!("{before}      Events:\n{events}  Socket:\n{after}")
}

#[tokio::test]
async fn only_a_route_with_a_response_sends_what_its_function_answers() {
    for status in [200, 500] {
        let api = telling_routes(status).await;
        let harness = Harness::start_lambda(&api.url(), Options::default()).await;
        let mut client = harness.try_connect("").await.expect("a connection");
        for message in ["x", r#"{"type":"special"}"#, r#"{"type":"twoWay"}"#] {
            client.send(message).await;
        }
        assert_eq!(client.text().await, "twoWay", "the first answer, {status}");
    }
}

#[tokio::test]
async fn an_answer_without_a_body_sends_nothing_on_a_route_with_a_response() {
    let api = InvokeApi::start(|_, event| {
        let answer = match event["body"].as_str() {
            Some(body) if body.contains("last") => json!({"statusCode": 200, "body": "last"}),
            _ => json!({"statusCode": 200}),
        };
        std::future::ready(Json(answer).into_response())
    })
    .await;
    let harness = Harness::start_lambda(&api.url(), Options::default()).await;
    let mut client = harness.try_connect("").await.expect("a connection");
    client.send(r#"{"type":"twoWay"}"#).await;
    client.send(r#"{"type":"twoWay","which":"last"}"#).await;
    assert_eq!(client.text().await, "last");
}

#[tokio::test]
async fn a_route_with_a_timeout_of_its_own_waits_no_longer() {
    let api = InvokeApi::start(|_, event| {
        let is_message = event["requestContext"]["eventType"] == "MESSAGE";
        async move {
            if is_message {
                pending::<()>().await;
            }
            Json(json!({"statusCode": 200})).into_response()
        }
    })
    .await;
    let harness = Harness::start_lambda(&api.url(), Options::default()).await;
    let mut client = harness.try_connect("").await.expect("a connection");
    client.send(r#"{"type":"hasty"}"#).await;
    let frame: Value = serde_json::from_str(&client.text().await).expect("JSON");
    assert_eq!(frame["message"], "Internal server error");
}

#[tokio::test]
async fn an_api_needs_no_connect_route() {
    let template = TEMPLATE.replace("        $connect: {FunctionArn: !GetAtt Socket.Arn}\n", "");
    let api = telling_routes(200).await;
    let harness = Harness::start_lambda_from(&template, &api.url(), Options::default()).await;
    let mut client = harness.try_connect("").await.expect("a connection");
    client.send(r#"{"type":"twoWay"}"#).await;
    assert_eq!(client.text().await, "twoWay");
    assert_eq!(api.invocations().len(), 1);
}

#[tokio::test]
async fn events_tell_the_variables_of_their_stage() {
    let template = TEMPLATE
        .replace(
            "      CorsConfiguration:",
            "      StageVariables: {colour: blue}\n      CorsConfiguration:",
        )
        .replace(
            "      StageName: ws",
            "      StageName: ws\n      StageVariables: {size: 3}",
        );
    let api = telling_routes(200).await;
    let harness = Harness::start_lambda_from(&template, &api.url(), Options::default()).await;
    in_time(reqwest::get(harness.url("/answer"))).await.expect("an answer");
    let _client = harness.try_connect("").await.expect("a connection");
    let events = api.received(2).await;
    assert_eq!(events[0].event["stageVariables"], json!({"colour": "blue"}));
    assert_eq!(events[1].event["stageVariables"], json!({"size": "3"}));
}

#[tokio::test]
async fn nested_members_may_choose_a_route() {
    let template = TEMPLATE.replace("$request.body.type", "$request.body.a.b");
    let api = telling_routes(200).await;
    let harness = Harness::start_lambda_from(&template, &api.url(), Options::default()).await;
    let mut client = harness.try_connect("").await.expect("a connection");
    client.send(r#"{"a":{"b":"twoWay"}}"#).await;
    assert_eq!(client.text().await, "twoWay");
}

#[tokio::test]
async fn a_greedy_variable_takes_the_rest_and_the_default_route_what_is_left() {
    let template = with_http_routes(
        "        Rest: {Type: HttpApi, Properties: {Method: GET, Path: '/files/{proxy+}'}}\n        Any: {Type: HttpApi}\n",
    );
    let api = telling_routes(200).await;
    let harness = Harness::start_lambda_from(&template, &api.url(), Options::default()).await;
    for (method, path, route_key) in [
        (Method::GET, "/files/a%20b/c", "GET /files/{proxy+}"),
        (Method::POST, "/files/a", "$default"),
        (Method::GET, "/", "$default"),
    ] {
        let request = Client::new().request(method, harness.url(path)).send();
        let answer = in_time(request).await.expect("an answer");
        assert_eq!(answer.text().await.expect("a body"), route_key);
    }
    let [greedy, ..] = &api.invocations()[..] else {
        panic!("events");
    };
    assert_eq!(greedy.event["pathParameters"], json!({"proxy": "a b/c"}));
    let rest = &api.invocations()[1..];
    assert!(rest.iter().all(|event| event.event.get("pathParameters").is_none()));
}

#[tokio::test]
async fn without_a_configuration_cors_is_the_functions_own() {
    let (before, rest) = TEMPLATE
        .split_once("    Properties:\n      CorsConfiguration:\n")
        .expect("CORS");
    let (_, after) = rest.split_once('\n').expect("the configuration");
    let harness = Harness::start_from(&format!("{before}{after}"), Options::default(), QueueLimits::default()).await;
    let request = |method, path| {
        let request = Client::new().request(method, harness.url(path));
        request.header("origin", "https://page.example").send()
    };
    let answer = in_time(request(Method::GET, "/answer")).await.expect("an answer");
    assert_eq!(
        answer.headers()["access-control-allow-origin"],
        "https://function.example"
    );
    let preflight = in_time(request(Method::OPTIONS, "/echo/x")).await.expect("an answer");
    let echo: Value = preflight.json().await.expect("JSON");
    assert_eq!(echo["method"], "OPTIONS", "a route for all methods has this one too");
    let preflight = in_time(request(Method::OPTIONS, "/answer")).await.expect("an answer");
    assert_eq!(preflight.status(), 404);
}
