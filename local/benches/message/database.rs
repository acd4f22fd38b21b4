//! What goes to the database: one thing after another, so each costs its round trip and its commit.

use std::sync::Arc;

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use bytes::Bytes;
use divan::Bencher;
use futures_util::FutureExt;
use serde_json::json;
use shared::db::messages::{self, NewMessage};
use shared::domain::{ClientId, ConnectionId, Destination, PageSize};
use shared::push::{Outcome, Push};
use shared::service::{Afterwards, Delivery, Tasks, history};
use uuid::Uuid;

use crate::world::{World, content, world};

#[divan::bench]
fn a_message_is_stored(bencher: Bencher<'_, '_>) {
    let World { runtime, db, .. } = world();
    let content = content();
    bencher.bench(|| {
        let (connection, receiver) = world().next_pair();
        let new = NewMessage {
            connection,
            destination: Destination::User(receiver),
            content: &content,
            reply_to: None,
            client_id: Some(&ClientId::parse(&Uuid::new_v4().to_string()).unwrap()),
        };
        runtime.block_on(messages::send(db, &new)).unwrap()
    });
}

#[divan::bench]
fn a_send_is_handled_by_the_function(bencher: Bencher<'_, '_>) {
    let World { runtime, db, .. } = world();
    let delivery = Delivery::new(db.clone(), Arc::new(Nowhere), Afterwards::Spawned(Tasks::default()));
    let services = ws_message::Services::new(db.clone(), delivery);
    bencher.bench(|| {
        let (connection, receiver) = world().next_pair();
        let frame = json!({ "type": "direct_message", "to": receiver, "content": content().as_str() });
        let mut event = ApiGatewayWebsocketProxyRequest::default();
        event.request_context.connection_id = Some(connection.as_str().to_owned());
        event.body = Some(frame.to_string());
        runtime.block_on(ws_message::handle(services.clone(), event)).unwrap()
    });
}

#[divan::bench]
fn a_page_of_history_is_read(bencher: Bencher<'_, '_>) {
    let World { runtime, db, users, .. } = world();
    let read = || {
        runtime
            .block_on(history::page(db, users[0].0, users[1].0, PageSize::DEFAULT, None))
            .unwrap()
    };
    assert_eq!(read().entries.len(), 20);
    bencher.bench(read);
}

/// Takes every frame at once.
struct Nowhere;

impl Push for Nowhere {
    fn post(&self, _connection: &ConnectionId, _frame: Bytes) -> Outcome {
        async { Ok(()) }.boxed()
    }

    fn close(&self, _connection: &ConnectionId) -> Outcome {
        async { Ok(()) }.boxed()
    }

    fn is_open(&self, _connection: &ConnectionId) -> Outcome<bool> {
        async { Ok(true) }.boxed()
    }
}
