//! The other side: events as `CloudFormation` sends them, and the bucket that takes the answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::routing::put;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use lambda_runtime::{Context, LambdaEvent};
use migrate::Migrator;
use serde_json::{Value, json};
use shared::db::connect::Endpoint;
use shared::db::migrate::fingerprint;
use shared::{Clock, SystemClock};
use tokio::net::TcpListener;

pub(crate) const STACK: &str = "arn:aws:cloudformation:eu-central-1:123456789012:stack/confab/6f4a0b70";
pub(crate) const REQUEST: &str = "0d9b4c3e-6a2f-4b0e-9a57-1a1f3c9d2e44";
pub(crate) const RESOURCE: &str = "Migration";
pub(crate) const SIGNATURE: &str = "X-Amz-Expires=7200&X-Amz-Credential=AKIA%2F20260801&X-Amz-Signature=5e1f";

/// The properties of the resource in one release's template.
pub(crate) struct Properties(Value);

impl Properties {
    pub(crate) fn of(migrations_hash: &str) -> Self {
        Self(json!({
            "ServiceToken": "arn:aws:lambda:eu-central-1:123456789012:function:confab-migrate",
            "ServiceTimeout": "960",
            "MigrationsHash": migrations_hash,
        }))
    }
}

pub(crate) fn create() -> Value {
    json!({"RequestType": "Create", "ResourceProperties": Properties::of(&fingerprint()).0})
}

pub(crate) fn update(before: &Properties, wanted: &Properties) -> Value {
    json!({
        "RequestType": "Update",
        "PhysicalResourceId": "migrations",
        "ResourceProperties": wanted.0,
        "OldResourceProperties": before.0,
    })
}

pub(crate) fn delete() -> Value {
    json!({
        "RequestType": "Delete",
        "PhysicalResourceId": "migrations",
        "ResourceProperties": Properties::of(&fingerprint()).0,
    })
}

/// An answer as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) document: Value,
    pub(crate) query: String,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) content_length: Option<HeaderValue>,
}

impl Answer {
    pub(crate) fn reason(&self) -> String {
        self.document["Reason"].as_str().unwrap().to_owned()
    }
}

#[derive(Default)]
struct Bucket {
    answers: Vec<Answer>,
    /// How many puts are still to be answered with 503.
    refusals: usize,
}

/// Calls the function, and takes its answers.
pub(crate) struct CloudFormation {
    url: String,
    bucket: Arc<Mutex<Bucket>>,
}

impl CloudFormation {
    pub(crate) async fn start() -> Self {
        let bucket = Arc::new(Mutex::new(Bucket::default()));
        let router = Router::new()
            .route("/{*key}", put(take))
            .with_state(Arc::clone(&bucket));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let url = format!("http://{address}/arn%3Aaws%3Acloudformation/{REQUEST}?{SIGNATURE}");
        Self { url, bucket }
    }

    /// Has the next puts answered with 503.
    pub(crate) fn refuse(&self, times: usize) {
        self.bucket.lock().unwrap().refusals = times;
    }

    /// The last answer.
    pub(crate) fn answer(&self) -> Answer {
        self.bucket.lock().unwrap().answers.last().cloned().unwrap()
    }

    /// Calls a function with this database, which may run for `time`.
    pub(crate) async fn call(&self, database: Endpoint, event: Value, time: Duration) -> Result<(), String> {
        self.call_configured(Ok(database), event, time).await
    }

    /// Calls a function with what it made of its settings.
    pub(crate) async fn call_configured(
        &self,
        database: Result<Endpoint, String>,
        event: Value,
        time: Duration,
    ) -> Result<(), String> {
        let mut event = event;
        for (field, value) in [
            ("ResponseURL", self.url.as_str()),
            ("StackId", STACK),
            ("RequestId", REQUEST),
            ("LogicalResourceId", RESOURCE),
            ("ResourceType", "Custom::Migration"),
        ] {
            event[field] = value.into();
        }
        let mut context = Context::default();
        let deadline = (SystemClock.now() + time).timestamp_millis();
        context.deadline = deadline.try_into().unwrap();
        let event = LambdaEvent::new(serde_json::from_value(event).unwrap(), context);
        let migrator = Migrator::new(database, SystemClock).unwrap();
        migrator.handle(event).await.map_err(|error| error.to_string())
    }
}

async fn take(
    State(bucket): State<Arc<Mutex<Bucket>>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut bucket = bucket.lock().unwrap();
    if let Some(left) = bucket.refusals.checked_sub(1) {
        bucket.refusals = left;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    bucket.answers.push(Answer {
        document: serde_json::from_slice(&body).unwrap(),
        query: query.unwrap_or_default(),
        content_type: headers.get(CONTENT_TYPE).cloned(),
        content_length: headers.get(CONTENT_LENGTH).cloned(),
    });
    StatusCode::OK
}
