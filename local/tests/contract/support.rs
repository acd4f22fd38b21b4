//! What the tests stand on: servers, users, sockets.

mod answer;
mod asyncapi;
mod conversation;
mod database;
mod document;
mod lambda;
mod openapi;
mod pooler;
mod server;
mod socket;
mod traffic;
mod user;

pub use answer::{Answer, named_fields};
pub use asyncapi::{ASYNCAPI, From, check_frame};
pub use conversation::said;
pub use database::empty_database;
pub use document::{for_each_child, members, parse_yaml, read};
pub use lambda::{in_lambda_mode, only_in_process};
pub use openapi::{OPENAPI, check_answer, http_client};
pub use pooler::{Mode, Pooler};
pub use server::{JWT_SECRET, Options, TestServer, settings};
pub use socket::{Socket, close_code};
pub use traffic::{direct_message, most_tokens_since, named_message, receivers_copy, strings, wait_as_told};
pub use user::{User, unique};
