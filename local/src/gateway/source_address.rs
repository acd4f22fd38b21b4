//! Whose request it is when proxies stand between.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// The client's address: the socket's peer, or, where that is a trusted proxy, the right-most address in
/// `X-Forwarded-For` that is not one. Everything to the left of that is the client's own claim.
pub(super) fn source_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let mut source = peer.to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|proxy| proxy.to_canonical() == *address);
    let values: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    for entry in values.iter().flat_map(|value| value.split(',')).rev() {
        if !is_trusted(&source) {
            break;
        }
        // What a trusted proxy passed on without understanding it names nobody: the proxy itself stands for it.
        let Some(address) = parse(entry.trim()) else { break };
        source = address;
    }
    source
}

/// An address, with or without a port.
fn parse(entry: &str) -> Option<IpAddr> {
    let with_port = || entry.parse::<SocketAddr>().map(|address| address.ip());
    entry
        .parse()
        .or_else(|_| with_port())
        .ok()
        .map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn source(peer: &str, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_static(value));
        }
        let address = |text: &str| text.parse().expect("an address");
        source_address(address(peer), &headers, &[address(PROXY), address("10.0.0.2")]).to_string()
    }

    #[test]
    fn a_client_that_is_no_proxy_is_not_believed() {
        assert_eq!(source("192.0.2.1", &["198.51.100.9"]), "192.0.2.1");
    }

    #[test]
    fn the_right_most_address_that_is_not_trusted_counts() {
        assert_eq!(source(PROXY, &["203.0.113.5, 198.51.100.9, 10.0.0.2"]), "198.51.100.9");
        assert_eq!(source(PROXY, &["203.0.113.5", "198.51.100.9"]), "198.51.100.9");
    }

    #[test]
    fn a_proxy_without_a_word_stands_for_itself() {
        assert_eq!(source(PROXY, &[]), PROXY);
        assert_eq!(source(PROXY, &["203.0.113.5, unknown"]), PROXY);
        assert_eq!(source(PROXY, &["10.0.0.2"]), "10.0.0.2");
    }

    #[test]
    fn addresses_may_have_ports_and_mapped_forms() {
        assert_eq!(source("::ffff:10.0.0.1", &["198.51.100.9:4711"]), "198.51.100.9");
        assert_eq!(source(PROXY, &["[2001:db8::1]:443"]), "2001:db8::1");
    }
}
