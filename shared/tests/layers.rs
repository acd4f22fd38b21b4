//! The layers of `lib.rs` hold: nothing uses what stands above it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

/// The modules from top to bottom. Those of one row may use each other.
const LAYERS: [&[&str]; 6] = [
    &["config", "lambda"],
    &["http", "ws"],
    &["service"],
    &["frames"],
    &["db", "push", "crypto"],
    &["clock", "time", "domain", "error", "fields"],
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .collect()
}

/// A file's code without its comments, which may speak of anything.
fn code(path: &Path) -> String {
    let source = std::fs::read_to_string(path).unwrap();
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The files of `shared/src` but `lib.rs`, with the module each belongs to.
fn files() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&root).into_iter().map(|path| {
        let first = path.strip_prefix(&root).unwrap().iter().next().unwrap();
        (first.to_str().unwrap().trim_end_matches(".rs").to_owned(), path)
    });
    files.filter(|(module, _)| module != "lib").collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[test]
fn every_module_uses_only_its_own_layer_and_those_below() {
    for (module, path) in files() {
        let own = layer(&module).unwrap_or_else(|| panic!("{module} has no layer"));
        let source = code(&path);
        for used in source.split("crate::").skip(1) {
            let used: String = used
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            if let Some(other) = layer(&used) {
                assert!(
                    other >= own,
                    "{}: {module} uses {used}, which stands above it",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn only_db_knows_tokio_postgres_and_only_push_the_aws_sdk() {
    for (module, path) in files() {
        let source = code(&path);
        assert!(
            module == "db" || !source.contains("tokio_postgres"),
            "{}",
            path.display()
        );
        assert!(module == "push" || !source.contains("aws_sdk"), "{}", path.display());
    }
}
