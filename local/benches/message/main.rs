//! What a message costs inside, piece by piece: `cargo bench -p local`.
#![expect(clippy::unwrap_used, reason = "what can't be measured ends the program")]

mod database;
mod gateway;
mod pure;
mod world;

fn main() {
    divan::main();
    world::stop();
}
