//! The product as a process.
#![cfg(test)]

mod lambda;
mod life;
mod product;
mod watch;
