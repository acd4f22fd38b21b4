use std::sync::LazyLock;

use serde_json::Value;

use super::document::{Document, members};

/// The WebSocket half of the contract.
pub static ASYNCAPI: LazyLock<Document> = LazyLock::new(|| Document::open("docs/asyncapi.yaml"));

/// Who makes a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Client,
    Server,
}

/// Holds a frame against the message of its `type`.
///
/// # Errors
/// Whatever the document does not have.
pub fn check_frame(from: From, frame: &Value) -> Result<(), String> {
    let message = messages(from)
        .into_iter()
        .find(|(_, message)| type_of(message) == frame.get("type"));
    let (place, message) = message.ok_or_else(|| format!("the document has no such frame from a {from:?}: {frame}"))?;
    ASYNCAPI.check(place, &message["payload"], frame)
}

/// The messages that operations receive from clients, or that they send or reply; each with the place where it stands.
fn messages(from: From) -> Vec<(&'static str, &'static Value)> {
    let operations = members(&ASYNCAPI.root()["operations"]).map(|(_, operation)| operation);
    let lists = operations.flat_map(|operation| {
        let own = (operation["action"] == "send") == (from == From::Server);
        let reply = (from == From::Server).then_some(&operation["reply"]["messages"]);
        own.then_some(&operation["messages"]).into_iter().chain(reply)
    });
    let references = lists.filter_map(Value::as_array).flatten();
    references
        .filter_map(|reference| Some((reference["$ref"].as_str()?, ASYNCAPI.resolve(reference))))
        .collect()
}

/// The `type` of the frames that a message describes; none for the gateway's own.
fn type_of(message: &Value) -> Option<&Value> {
    message["payload"]["properties"]["type"].get("const")
}
