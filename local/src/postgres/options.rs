//! What the one who starts a Postgres may choose.

use std::path::PathBuf;

/// How to run an embedded Postgres.
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) folder: PathBuf,
    pub(super) durable: bool,
    pub(super) settings: Vec<(String, String)>,
}

impl Options {
    /// A durable cluster in `folder`, which is made where it is missing.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            durable: true,
            settings: Vec::new(),
        }
    }

    /// Trades the data's safety in a crash of the machine for speed: for tests only.
    #[must_use]
    pub fn non_durable(mut self) -> Self {
        self.durable = false;
        self
    }

    /// Adds a server setting such as `max_connections`; it overrides the defaults.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }
}
