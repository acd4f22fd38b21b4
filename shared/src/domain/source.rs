use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Where a request came from, as far as rate limits care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceAddress(IpAddr);

impl SourceAddress {
    /// The address that the gateway saw; `None` where that is no IP address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(|address: IpAddr| Self(address.to_canonical()))
    }

    /// This machine itself: limits by address alone do not apply to it.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        self.0.is_loopback()
    }
}

/// The key under which the address is counted: for IPv6 its /64, which is what one customer gets (RFC 6177), so that nobody
/// has 2^64 tries.
impl fmt::Display for SourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => network_64(address).fmt(f),
        }
    }
}

fn network_64(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customers_ipv6_addresses_count_as_one() {
        let key = |text| SourceAddress::parse(text).unwrap().to_string();
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), key("2001:db8:1:2::9"));
        assert_ne!(key("2001:db8:1:2::9"), key("2001:db8:1:3::9"));
        assert_eq!(key("::ffff:192.0.2.7"), "192.0.2.7");
    }

    #[test]
    fn loopback_is_known_in_every_spelling() {
        for text in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            assert!(SourceAddress::parse(text).unwrap().is_loopback(), "{text}");
        }
        assert!(!SourceAddress::parse("192.0.2.7").unwrap().is_loopback());
    }

    #[test]
    fn what_is_no_address_is_not_read() {
        for text in ["", "localhost", "192.0.2", "unix:"] {
            assert_eq!(SourceAddress::parse(text), None);
        }
    }
}
