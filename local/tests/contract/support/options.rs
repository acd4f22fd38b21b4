use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use local::gateway;
use local::server::Settings;

use super::{Pooler, unique};

/// The key that test servers sign tokens with.
pub const JWT_SECRET: &str = "a secret for tests only, 32 bytes long or more";

/// How a test's server differs from the product's default.
#[derive(Clone)]
pub struct Options {
    /// Settings as they would stand in the environment.
    pub environment: HashMap<&'static str, String>,
    /// The gateway's settings.
    pub gateway: gateway::Options,
}

impl Default for Options {
    fn default() -> Self {
        let mut gateway = gateway::Options::default();
        // A test's socket answers pings only while it is read. In the cloud there are none.
        gateway.websocket.ping_interval = None;
        Self {
            environment: HashMap::new(),
            gateway,
        }
    }
}

impl Options {
    /// The default, but that no client is given up because it does not read, for as long as a test takes on a busy machine.
    pub fn patient() -> Self {
        let mut options = Self::default();
        options.gateway.websocket.write_timeout = Duration::from_mins(5);
        options
    }

    /// The default with one setting as it would stand in the environment.
    pub fn environment(name: &'static str, value: &str) -> Self {
        Self {
            environment: HashMap::from([(name, value.to_owned())]),
            ..Self::default()
        }
    }
}

/// How to reach the database.
pub(super) fn way(database_url: &str, pooler: Option<&Pooler>) -> HashMap<&'static str, String> {
    let Some(pooler) = pooler else {
        return HashMap::from([("DATABASE_URL", database_url.to_owned())]);
    };
    HashMap::from([
        ("DATABASE_URL", pooler.url().to_owned()),
        ("DATABASE_DIRECT_URL", database_url.to_owned()),
        ("DATABASE_STATEMENTS", "unnamed".to_owned()),
    ])
}

/// The settings of a server that reaches its database by `way`.
pub fn settings(way: HashMap<&'static str, String>, options: Options) -> Settings {
    let mut environment = HashMap::from([
        ("JWT_SECRET", JWT_SECRET.to_owned()),
        ("DATABASE_POOL_SIZE", "4".to_owned()),
    ]);
    environment.extend(way);
    environment.extend(options.environment);
    Settings {
        lookup: Box::new(move |name| environment.get(name).cloned()),
        folder: std::env::temp_dir().join(unique("confab-test")),
        template: Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml"),
        lambda: None,
        require_sigv4: false,
        gateway: options.gateway,
    }
}
