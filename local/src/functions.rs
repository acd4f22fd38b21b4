//! The functions by the names of their packages: those that are linked into this binary, or the same in other processes.

use std::collections::BTreeMap;

use shared::crypto::{Passwords, Tokens};
use shared::db::Database;
use shared::service::Delivery;

use crate::gateway::{Function, InvokeApi};
use crate::template::Template;

/// What the functions are made of. In the cloud each has only what it needs; here they share it.
#[derive(Clone)]
pub struct Services {
    /// The pool.
    pub db: Database,
    /// The password hasher.
    pub passwords: Passwords,
    /// Who issues and checks tokens.
    pub tokens: Tokens,
    /// The way to the sockets.
    pub delivery: Delivery,
}

/// All functions, in this process.
#[must_use]
pub fn link(services: &Services) -> BTreeMap<String, Function> {
    let Services {
        db,
        passwords,
        tokens,
        delivery,
    } = services.clone();
    let connect = ws_connect::Services::new(tokens.clone(), delivery.clone());
    let message = ws_message::Services::new(db.clone(), delivery.clone());
    let disconnect = delivery.clone();
    let functions = [
        (
            "register",
            Function::http(register::router(db.clone(), passwords.clone())),
        ),
        (
            "login",
            Function::http(login::router(db.clone(), passwords, tokens.clone())),
        ),
        ("profile", Function::http(profile::router(db.clone(), tokens.clone()))),
        ("history", Function::http(history::router(db.clone(), tokens.clone()))),
        (
            "messages",
            Function::http(messages::router(db.clone(), tokens.clone(), delivery.clone())),
        ),
        (
            "conversations",
            Function::http(conversations::router(db, tokens, delivery)),
        ),
        (
            "ws-connect",
            Function::websocket(move |event| ws_connect::handle(connect.clone(), event)),
        ),
        (
            "ws-message",
            Function::websocket(move |event| ws_message::handle(message.clone(), event)),
        ),
        (
            "ws-disconnect",
            Function::websocket(move |event| ws_disconnect::handle(disconnect.clone(), event)),
        ),
    ];
    functions.map(|(name, function)| (name.to_owned(), function)).into()
}

/// All functions of the template, behind a Lambda Invoke API.
#[must_use]
pub fn remote(template: &Template, api: &InvokeApi) -> BTreeMap<String, Function> {
    let functions = template.functions.iter().map(|function| &function.name);
    functions
        .map(|name| (name.clone(), Function::remote(api, name)))
        .collect()
}
