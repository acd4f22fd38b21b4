//! The function packages: what there is, and what their code needs.

use std::path::{Path, PathBuf};

/// A folder of `functions/`.
pub(crate) struct Package {
    pub(crate) name: String,
    main: String,
    manifest: String,
}

impl Package {
    /// All of them, by name.
    pub(crate) fn all() -> Vec<Self> {
        let folders = std::fs::read_dir(root().join("functions")).unwrap();
        let mut packages: Vec<_> = folders
            .map(|folder| folder.unwrap().path())
            .filter(|folder| folder.join("Cargo.toml").is_file())
            .map(|folder| Self::read(&folder))
            .collect();
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        packages
    }

    fn read(folder: &Path) -> Self {
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
        Self {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            main: read("src/main.rs"),
            manifest: read("Cargo.toml"),
        }
    }

    /// The logical id of its function: `ws-message` is `WsMessageFunction`.
    pub(crate) fn logical_id(&self) -> String {
        format!("{}Function", self.prefix())
    }

    /// What the names of its resources begin with.
    pub(crate) fn prefix(&self) -> String {
        let capitalize = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
        self.name.split('-').map(capitalize).collect()
    }

    /// Whether `main` asks the environment for this.
    pub(crate) fn calls(&self, what: &str) -> bool {
        self.main.contains(what)
    }

    /// Whether `main` pushes to connections.
    pub(crate) fn pushes(&self) -> bool {
        self.calls(".delivery")
    }

    /// The name of its program, by which sam finds what was built.
    pub(crate) fn has_program_of_its_name(&self) -> bool {
        self.manifest.contains(&format!("[[bin]]\nname = \"{}\"", self.name))
    }
}

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
