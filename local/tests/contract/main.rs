//! The public contract through real HTTP and real WebSocket clients, against a real Postgres.
//!
//! Each test has a server and a database of its own; nothing has to be started by hand. A module is a part of the contract.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![expect(unreachable_pub, reason = "what is shared by the tests reads as the API it is")]

mod accounts;
mod client_ids;
mod conversations;
mod delivered;
mod documents;
mod editing;
mod history;
mod leases;
mod login_limits;
mod offline;
mod pooler;
mod presence;
mod races;
mod recovery;
mod requests;
mod resilience;
mod search;
mod sending;
mod sockets;
mod support;
mod sync;
mod typing;
