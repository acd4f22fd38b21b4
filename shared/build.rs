//! The migrations are compiled in, but cargo does not know that they belong to this crate.

#[expect(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
fn main() {
    println!("cargo::rerun-if-changed=../migrations");
}
