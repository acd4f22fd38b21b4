//! The migrations are compiled in, but cargo does not know that they belong to this crate.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
}
