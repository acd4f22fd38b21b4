//! The `migrate` function as `CloudFormation` meets it: events in, answers put to a URL, a real Postgres in between.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod cloudformation;
mod database;

use std::time::Duration;

use cloudformation::{CloudFormation, Properties, create, delete, update};
use database::TestDatabase;
use shared::db::connect::Endpoint;
use shared::db::migrate::fingerprint;
use tokio::net::TcpListener;

/// More than any test needs.
const PLENTY: Duration = Duration::from_mins(5);

/// What the function keeps for its answer and for cancelling, and a second to work in.
const A_SECOND: Duration = Duration::from_secs(34);

#[tokio::test]
async fn creating_the_stack_migrates_an_empty_database() {
    let database = TestDatabase::create().await;
    let stack = CloudFormation::start().await;
    stack.call(database.endpoint(), create(), PLENTY).await.unwrap();

    let answer = stack.answer();
    assert_eq!(answer.document["Status"], "SUCCESS", "{answer:?}");
    assert_eq!(answer.document["PhysicalResourceId"], "migrations");
    for (field, sent) in [
        ("StackId", cloudformation::STACK),
        ("RequestId", cloudformation::REQUEST),
        ("LogicalResourceId", cloudformation::RESOURCE),
    ] {
        assert_eq!(answer.document[field], sent, "{field}");
    }
    let tables = "select count(*) from pg_tables where tablename in ('users', 'messages')";
    assert_eq!(database.count(tables).await, 2);
}

#[tokio::test]
async fn the_answer_is_put_as_it_was_signed() {
    let stack = CloudFormation::start().await;
    stack.call(nothing_there(), delete(), PLENTY).await.unwrap();

    let answer = stack.answer();
    assert_eq!(answer.query, cloudformation::SIGNATURE);
    assert_eq!(
        answer.content_type, None,
        "the signature covers the absence of a content type"
    );
    assert!(answer.content_length.is_some(), "S3 takes no chunked bodies");
}

#[tokio::test]
async fn an_update_brings_what_is_missing_and_a_repetition_changes_nothing() {
    let database = TestDatabase::create().await;
    let stack = CloudFormation::start().await;
    let event = || update(&Properties::of("an older release"), &Properties::of(&fingerprint()));
    stack.call(database.endpoint(), event(), PLENTY).await.unwrap();
    assert!(stack.answer().reason().contains("applied"), "{:?}", stack.answer());
    stack.call(database.endpoint(), event(), PLENTY).await.unwrap();
    assert_eq!(stack.answer().document["Status"], "SUCCESS");
    assert!(stack.answer().reason().contains("up to date"), "{:?}", stack.answer());
}

#[tokio::test]
async fn deleting_the_stack_asks_nothing_of_the_database() {
    let stack = CloudFormation::start().await;
    stack.call(nothing_there(), delete(), PLENTY).await.unwrap();
    assert_eq!(stack.answer().document["Status"], "SUCCESS");
    assert_eq!(stack.answer().document["PhysicalResourceId"], "migrations");
}

#[tokio::test]
async fn a_newer_schema_is_no_fault_when_the_older_release_comes_back() {
    let database = TestDatabase::create().await;
    let stack = CloudFormation::start().await;
    stack.call(database.endpoint(), create(), PLENTY).await.unwrap();
    let tomorrow = "insert into refinery_schema_history select 9999, 'of_tomorrow', applied_on, '1' from refinery_schema_history limit 1";
    database.execute(tomorrow).await;

    let event = update(&Properties::of("a newer release"), &Properties::of(&fingerprint()));
    stack.call(database.endpoint(), event, PLENTY).await.unwrap();
    assert_eq!(stack.answer().document["Status"], "SUCCESS", "{:?}", stack.answer());
}

#[tokio::test]
async fn the_newer_function_lets_a_stack_be_rolled_back_even_without_a_database() {
    let stack = CloudFormation::start().await;
    let event = update(&Properties::of(&fingerprint()), &Properties::of("an older release"));
    stack.call(nothing_there(), event, PLENTY).await.unwrap();
    assert_eq!(stack.answer().document["Status"], "SUCCESS", "{:?}", stack.answer());
}

#[tokio::test]
async fn a_template_of_other_migrations_is_refused() {
    let stack = CloudFormation::start().await;
    let event = update(&Properties::of("one"), &Properties::of("another"));
    stack.call(nothing_there(), event, PLENTY).await.unwrap();
    assert_eq!(stack.answer().document["Status"], "FAILED");
    let reason = stack.answer().reason();
    assert!(
        reason.contains("another") && reason.contains(&fingerprint()),
        "{reason}"
    );
}

#[tokio::test]
async fn an_unreachable_database_is_told_without_its_password() {
    let stack = CloudFormation::start().await;
    stack.call(nothing_there(), create(), PLENTY).await.unwrap();
    assert_eq!(stack.answer().document["Status"], "FAILED");
    let reason = stack.answer().reason();
    assert!(reason.contains("can't reach the database"), "{reason}");
    assert!(!reason.contains("hunter2"), "{reason}");
}

#[tokio::test]
async fn a_database_that_never_answers_is_told_while_there_is_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stack = CloudFormation::start().await;
    let silent = endpoint_at(listener.local_addr().unwrap().port());
    stack.call(silent, create(), A_SECOND).await.unwrap();
    assert_eq!(stack.answer().document["Status"], "FAILED");
    let reason = stack.answer().reason();
    assert!(reason.contains("did not open a session"), "{reason}");
}

#[tokio::test]
async fn a_migration_that_takes_too_long_is_undone() {
    let database = TestDatabase::create().await;
    // A table of this name is about to be: whoever wants another one waits.
    let holder = database.endpoint().connect().await.unwrap();
    holder.batch_execute("begin; create table users ()").await.unwrap();

    let stack = CloudFormation::start().await;
    stack.call(database.endpoint(), create(), A_SECOND).await.unwrap();
    assert_eq!(stack.answer().document["Status"], "FAILED");
    let reason = stack.answer().reason();
    assert!(reason.contains("not done within"), "{reason}");
    database
        .until_none("select count(*) from pg_locks join pg_database d on d.oid = database where datname = current_database() and not granted")
        .await;

    drop(holder);
    stack.call(database.endpoint(), create(), PLENTY).await.unwrap();
    assert_eq!(stack.answer().document["Status"], "SUCCESS", "{:?}", stack.answer());
}

#[tokio::test]
async fn settings_that_are_wrong_are_told() {
    let stack = CloudFormation::start().await;
    let fault = Err("DATABASE_URL is not set".to_owned());
    stack.call_configured(fault, create(), PLENTY).await.unwrap();
    assert_eq!(stack.answer().document["Status"], "FAILED");
    assert_eq!(stack.answer().reason(), "DATABASE_URL is not set");
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_put_again() {
    let stack = CloudFormation::start().await;
    stack.refuse(1);
    stack.call(nothing_there(), delete(), PLENTY).await.unwrap();
    assert_eq!(stack.answer().document["Status"], "SUCCESS");
}

#[tokio::test]
async fn an_answer_that_is_never_taken_fails_the_call() {
    let stack = CloudFormation::start().await;
    stack.refuse(usize::MAX);
    let fault = stack.call(nothing_there(), delete(), PLENTY).await.unwrap_err();
    assert!(fault.contains("503"), "{fault}");
    assert!(!fault.contains(cloudformation::SIGNATURE), "{fault}");
}

/// Nothing ever listens on port 1 of a test machine.
fn nothing_there() -> Endpoint {
    endpoint_at(1)
}

fn endpoint_at(port: u16) -> Endpoint {
    Endpoint::parse(&format!("postgres://confab:hunter2@127.0.0.1:{port}/confab")).unwrap()
}
