//! The Rust SDK against `@connections`, with the settings that the functions have.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_apigatewaymanagement::Client as Sdk;
use aws_sdk_apigatewaymanagement::config::retry::RetryConfig;
use aws_sdk_apigatewaymanagement::config::timeout::TimeoutConfig;
use aws_sdk_apigatewaymanagement::config::{Credentials as SdkCredentials, Region};
use aws_sdk_apigatewaymanagement::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_apigatewaymanagement::primitives::Blob;
use local::gateway::{Credentials, ManagementOptions, Options};
use shared::domain::ConnectionId;
use shared::push::management_api::ManagementApi;
use shared::push::{Push, PushError};
use tokio::task::JoinSet;

use crate::harness::{Client, Harness, in_time};

const ID: &str = "an id";
const KEY: &str = "a key";

/// A gateway that wants signatures, made with [`KEY`], and is quick to refuse.
async fn start() -> Harness {
    Harness::start_with(Options {
        management: ManagementOptions {
            credentials: Some(Credentials::new(ID, KEY)),
            post_patience: Duration::from_millis(50),
            ..ManagementOptions::default()
        },
        ..Options::default()
    })
    .await
}

/// The functions' settings with these credentials, and without the seconds between two attempts.
async fn settings(harness: &Harness, id: &str, key: &str) -> aws_sdk_apigatewaymanagement::config::Config {
    let token = Some("a session's token".to_owned());
    ManagementApi::settings(&harness.url("/ws"))
        .await
        .unwrap()
        .region(Region::new("eu-central-1"))
        .credentials_provider(SdkCredentials::new(id, key, token, None, "test"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .build()
}

async fn sdk(harness: &Harness) -> Sdk {
    Sdk::from_conf(settings(harness, ID, KEY).await)
}

async fn post(sdk: &Sdk, id: &ConnectionId, data: impl Into<Vec<u8>>) -> Result<(), String> {
    let call = sdk
        .post_to_connection()
        .connection_id(id.as_str())
        .data(Blob::new(data));
    call.send().await.map(drop).map_err(|error| code(&error))
}

/// What the SDK takes an error for.
fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    error.code().unwrap_or("no type").to_owned()
}

#[tokio::test]
async fn a_function_posts_asks_and_closes() {
    let mut harness = start().await;
    let (mut client, id) = harness.connect_as("a client").await;
    let sdk = sdk(&harness).await;
    post(&sdk, &id, "é 😀").await.expect("a post");
    assert_eq!(client.text().await, "é 😀");

    let told = sdk
        .get_connection()
        .connection_id(id.as_str())
        .send()
        .await
        .expect("a connection");
    let identity = told.identity().expect("an identity");
    assert_eq!(
        (identity.source_ip(), identity.user_agent()),
        (Some("127.0.0.1"), Some("a client"))
    );
    let (connected_at, last_active_at) = (
        told.connected_at().expect("a time"),
        told.last_active_at().expect("a time"),
    );
    assert!(connected_at <= last_active_at, "{connected_at} {last_active_at}");

    sdk.delete_connection()
        .connection_id(id.as_str())
        .send()
        .await
        .expect("an end");
    assert_eq!(client.close_frame().await.0, 1000);
    assert_eq!(harness.disconnect().await.0, 1000);
}

#[tokio::test]
async fn each_refusal_has_its_type() {
    let mut harness = start().await;
    let (_client, id) = harness.connect().await;
    let gone = ConnectionId::new("L0SM9cOFvHcCIhw=");
    let right = sdk(&harness).await;
    assert_eq!(post(&right, &gone, "x").await, Err("GoneException".to_owned()));
    assert_eq!(
        post(&right, &id, vec![b'x'; 128 * 1024 + 1]).await,
        Err("PayloadTooLargeException".to_owned())
    );
    assert_eq!(post(&right, &id, [0xff]).await, Err("BadRequestException".to_owned()));
    let call = right.get_connection().connection_id(gone.as_str());
    assert_eq!(code(&call.send().await.expect_err("no connection")), "GoneException");
    let call = right.delete_connection().connection_id(gone.as_str());
    assert_eq!(code(&call.send().await.expect_err("no connection")), "GoneException");

    let wrong_key = Sdk::from_conf(settings(&harness, ID, "another key").await);
    assert_eq!(
        post(&wrong_key, &id, "x").await,
        Err("InvalidSignatureException".to_owned())
    );
    let wrong_id = Sdk::from_conf(settings(&harness, "another id", KEY).await);
    assert_eq!(
        post(&wrong_id, &id, "x").await,
        Err("UnrecognizedClientException".to_owned())
    );
}

#[tokio::test]
async fn the_functions_own_client_understands_all_answers() {
    let mut harness = start().await;
    let (mut client, id) = harness.connect().await;
    let gone = ConnectionId::new("L0SM9cOFvHcCIhw=");
    let credentials = SdkCredentials::new(ID, KEY, None, None, "test");
    let settings = ManagementApi::settings(&harness.url("/ws")).await.unwrap();
    let api = ManagementApi::new(settings.credentials_provider(credentials).build());
    assert_eq!(api.post(&id, "x".into()).await, Ok(()));
    assert_eq!(client.text().await, "x");
    assert_eq!(api.is_open(&id).await, Ok(true));
    assert_eq!(api.close(&id).await, Ok(()));
    assert_eq!(client.close_frame().await.0, 1000);
    for id in [&id, &gone] {
        assert_eq!(api.post(id, "x".into()).await, Err(PushError::Gone));
        assert_eq!(api.is_open(id).await, Ok(false));
        assert_eq!(api.close(id).await, Err(PushError::Gone));
    }
}

#[tokio::test]
async fn a_slow_readers_frames_are_refused_or_arrive_once_and_others_do_not_wait() {
    let mut harness = start().await;
    let (mut slow, slow_id) = harness.connect().await;
    let (mut quick, quick_id) = harness.connect().await;
    // A post that its caller gives up may arrive all the same.
    let patient = TimeoutConfig::builder()
        .operation_timeout(Duration::from_mins(1))
        .operation_attempt_timeout(Duration::from_mins(1))
        .build();
    let settings = settings(&harness, ID, KEY).await.to_builder();
    let sdk = Sdk::from_conf(settings.timeout_config(patient).build());
    let mut posts = JoinSet::new();
    for number in 0..150 {
        let (sdk, id) = (sdk.clone(), slow_id.clone());
        let frame = format!("{number}{}", " ".repeat(100 * 1024));
        posts.spawn(async move { (number, post(&sdk, &id, frame).await) });
    }
    // By now neither the queue nor the system's buffers take any more.
    let mut outcomes = BTreeMap::new();
    while !outcomes.values().any(Result::is_err) {
        let (number, outcome) = in_time(posts.join_next()).await.expect("a refusal").expect("a task");
        outcomes.insert(number, outcome);
    }
    in_time(post(&sdk, &quick_id, "meanwhile")).await.expect("a post");
    assert_eq!(quick.text().await, "meanwhile");

    let reading = tokio::spawn(async move { (numbers_until_end(&mut slow).await, slow) });
    while let Some(post) = in_time(posts.join_next()).await {
        let (number, outcome) = post.expect("a task");
        outcomes.insert(number, outcome);
    }
    in_time(post(&sdk, &slow_id, "end")).await.expect("a post");
    let (arrived, _slow) = in_time(reading).await.expect("a reader");
    let taken: Vec<u32> = outcomes
        .iter()
        .filter(|(_, outcome)| outcome.is_ok())
        .map(|(number, _)| *number)
        .collect();
    assert_eq!(
        arrived, taken,
        "each that was taken arrives once, and none that was refused"
    );
    let mut refusals = outcomes.into_values().filter_map(Result::err);
    assert!(refusals.all(|error| error == "LimitExceededException"));
}

/// The numbers that arrive before the word `end`, in order.
async fn numbers_until_end(client: &mut Client) -> Vec<u32> {
    let mut numbers = Vec::new();
    loop {
        match client.text().await.trim() {
            "end" => break,
            number => numbers.push(number.parse().expect("a number")),
        }
    }
    numbers.sort_unstable();
    numbers
}
