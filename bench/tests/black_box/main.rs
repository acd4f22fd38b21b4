//! The program as its users run it, against a server that does wrong on purpose: the report must say so.
#![cfg(test)]

mod fake_server;
mod report;
