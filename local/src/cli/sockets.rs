//! What can be set about the WebSocket API.

use std::num::NonZeroU64;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{OrBlank, or_blank};
use crate::gateway::WebSocketOptions;

/// The settings of sockets.
#[derive(Debug, Args)]
pub(super) struct Sockets {
    /// Whether silent clients are sent protocol pings, which API Gateway never does: `on` or `off`.
    #[arg(long, global = true, env = "CONFAB_PROTOCOL_PINGS", default_value = "on", value_parser = or_blank::<Switch>)]
    protocol_pings: OrBlank<Switch>,
    /// How many seconds a socket may be silent in both directions [default: 600, as in API Gateway].
    #[arg(long, global = true, env = "CONFAB_SOCKET_IDLE_TIMEOUT", value_name = "SECONDS", value_parser = or_blank::<NonZeroU64>)]
    socket_idle_timeout: Option<OrBlank<NonZeroU64>>,
    /// How many seconds a socket may last [default: 7200, as in API Gateway].
    #[arg(long, global = true, env = "CONFAB_SOCKET_LIFETIME", value_name = "SECONDS", value_parser = or_blank::<NonZeroU64>)]
    socket_lifetime: Option<OrBlank<NonZeroU64>>,
}

/// Something that is done or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl std::str::FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        <Self as ValueEnum>::from_str(text, true).map_err(|_| "it must be on or off".to_owned())
    }
}

impl Sockets {
    /// The settings of the gateway with these in them.
    pub(super) fn options(&self) -> WebSocketOptions {
        let defaults = WebSocketOptions::default();
        let seconds = |setting: Option<OrBlank<NonZeroU64>>, default| {
            setting
                .flatten()
                .map_or(default, |seconds| Duration::from_secs(seconds.get()))
        };
        WebSocketOptions {
            ping_interval: defaults
                .ping_interval
                .filter(|_| self.protocol_pings != Some(Switch::Off)),
            idle_timeout: seconds(self.socket_idle_timeout, defaults.idle_timeout),
            lifetime: seconds(self.socket_lifetime, defaults.lifetime),
            ..defaults
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn options(arguments: &[&str]) -> Result<WebSocketOptions, clap::Error> {
        let cli = Cli::try_parse_from(["local"].iter().chain(arguments))?;
        Ok(cli.sockets.options())
    }

    #[test]
    fn protocol_pings_can_be_switched_off() {
        let pings = |arguments| options(arguments).expect("settings").ping_interval.is_some();
        assert!(pings(&[]));
        assert!(pings(&["--protocol-pings", ""]));
        assert!(pings(&["--protocol-pings", "on"]));
        assert!(!pings(&["--protocol-pings", "OFF"]));
        assert!(options(&["--protocol-pings", "maybe"]).is_err());
    }

    #[test]
    fn times_are_those_of_the_service_unless_they_are_set() {
        let usual = options(&["--socket-lifetime", ""]).expect("settings");
        assert_eq!(usual.idle_timeout, Duration::from_mins(10));
        assert_eq!(usual.lifetime, Duration::from_hours(2));
        let short = options(&["--socket-idle-timeout", "5", "--socket-lifetime", "60"]).expect("settings");
        assert_eq!(short.idle_timeout, Duration::from_secs(5));
        assert_eq!(short.lifetime, Duration::from_mins(1));
        assert!(options(&["--socket-lifetime", "0"]).is_err());
    }
}
