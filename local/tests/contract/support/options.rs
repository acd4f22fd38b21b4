use std::collections::HashMap;

use local::gateway;

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
    /// The default with one setting as it would stand in the environment.
    pub fn environment(name: &'static str, value: &str) -> Self {
        Self {
            environment: HashMap::from([(name, value.to_owned())]),
            ..Self::default()
        }
    }
}
