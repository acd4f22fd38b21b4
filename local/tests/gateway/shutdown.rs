//! Stopping in order.

use std::time::Duration;

use local::gateway::Options;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::harness::Harness;

#[tokio::test]
async fn sockets_are_closed_with_1001_and_their_ends_are_told() {
    let mut harness = Harness::start().await;
    let (mut one, _) = harness.connect().await;
    let (mut two, _) = harness.connect().await;
    harness.stop();
    assert_eq!(one.close_frame().await, (1001, "Going away".to_owned()));
    assert_eq!(two.close_frame().await, (1001, "Going away".to_owned()));
    assert_eq!(harness.disconnect().await.0, 1001);
    assert_eq!(harness.disconnect().await.0, 1001);
    let address = harness.address;
    harness.stopped().await;
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nothing is accepted any more"
    );
}

#[tokio::test]
async fn what_is_in_flight_finishes() {
    let mut harness = Harness::start().await;
    let (mut client, _) = harness.connect().await;
    client.send("wait 100").await;
    harness.event("MESSAGE").await;
    let request = tokio::spawn(reqwest::get(harness.url("/slow")));
    assert_eq!(harness.next_event().await, "slow begins");
    harness.stop();
    let response = request.await.expect("a task").expect("an answer");
    assert_eq!(response.text().await.expect("a body"), "done");
    assert_eq!(client.close_frame().await.0, 1001);
    // Which of the two ends first is not told.
    let ends = [harness.next_event().await, harness.next_event().await];
    assert!(ends.contains(&json!("slow is done")), "{ends:?}");
    let disconnect = ends.iter().find(|event| event.is_object()).expect("the socket's end");
    assert_eq!(disconnect["requestContext"]["disconnectStatusCode"], 1001);
    harness.stopped().await;
}

#[tokio::test]
async fn idle_connections_do_not_delay_the_end() {
    let options = Options {
        shutdown_deadline: Duration::from_mins(10),
        ..Options::default()
    };
    let mut harness = Harness::start_with(options).await;
    let client = reqwest::Client::new();
    client.get(harness.url("/answer")).send().await.expect("an answer");
    let _silent = harness.tcp().await;
    harness.stop();
    harness.stopped().await;
}

#[tokio::test]
async fn a_function_that_does_not_end_is_not_waited_for_beyond_the_deadline() {
    let options = Options {
        shutdown_deadline: Duration::from_millis(200),
        ..Options::default()
    };
    let mut harness = Harness::start_with(options).await;
    let (mut client, _) = harness.connect().await;
    client.send("hang").await;
    harness.event("MESSAGE").await;
    let started = Instant::now();
    harness.stop();
    harness.stopped().await;
    assert!(started.elapsed() >= Duration::from_millis(200));
}
