//! What the tests stand on: servers, users, sockets.

mod answer;
mod asyncapi;
mod commits;
mod conversation;
mod database;
mod document;
mod lambda;
mod openapi;
mod options;
mod pooler;
mod rate_limits;
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
pub use options::{JWT_SECRET, Options, settings};
pub use pooler::{Mode, Pooler};
pub use rate_limits::{assert_rate_limited, most_tokens_since, wait_as_told};
pub use server::TestServer;
pub use socket::{Socket, close_code};
pub use traffic::{direct_message, named_message, receivers_copy, strings};
pub use user::{User, unique};
