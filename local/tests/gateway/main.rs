//! The gateway over real sockets, with toy functions behind it.
#![cfg(test)]

mod documents;
mod ends;
mod events;
mod harness;
mod http;
mod invoke_api;
mod lambda;
mod limits;
mod management;
mod push;
mod requests;
mod routes;
mod shutdown;
mod start;
mod toys;
mod websocket;
