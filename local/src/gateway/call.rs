//! What the gateway knows of a request before it looks for a route.

use std::net::{IpAddr, SocketAddr};

use chrono::{DateTime, Utc};
use http::HeaderMap;
use http::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use http::uri::Authority;
use url::Url;

use super::encoding;
use super::source_address::source_address;

/// What an event calls the account that owns the API.
pub(super) const ACCOUNT_ID: &str = "000000000000";
/// What an event calls the API.
pub(super) const API_ID: &str = "local";

const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The sockets that a request came through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endpoints {
    /// The socket's other end: the client or a proxy.
    pub(super) peer: SocketAddr,
    /// The address that the gateway listens on.
    pub(super) local: SocketAddr,
}

/// A request's circumstances, which every event tells.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Names the request in events, answers and the log.
    pub(super) request_id: String,
    /// When the request's head had arrived.
    pub(super) received_at: DateTime<Utc>,
    /// The client's address.
    pub(super) source: IpAddr,
    /// The name under which the client asked, without a port.
    pub(super) domain_name: String,
    /// What the client calls itself.
    pub(super) user_agent: Option<String>,
    endpoints: Endpoints,
}

impl Call {
    /// The circumstances of the request with these headers; `None` if it does not say properly which host it is for.
    pub(super) fn new(
        headers: &HeaderMap,
        endpoints: Endpoints,
        trusted_proxies: &[IpAddr],
        received_at: DateTime<Utc>,
    ) -> Option<Self> {
        Some(Self {
            request_id: encoding::fresh_id(),
            received_at,
            source: source_address(endpoints.peer.ip(), headers, trusted_proxies),
            domain_name: domain_name(headers, endpoints)?,
            user_agent: headers.get(USER_AGENT).map(encoding::header_text),
            endpoints,
        })
    }

    /// The socket's other end: the client or a proxy.
    pub(super) fn peer(&self) -> IpAddr {
        self.endpoints.peer.ip().to_canonical()
    }

    /// Adds the headers by which API Gateway tells a function how the client reached it, and a trace id if it has none.
    pub(super) fn add_gateway_headers(&self, headers: &mut HeaderMap) {
        let peer = self.peer().to_string();
        let claimed = headers.get_all(&X_FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
        let chain: Vec<&[u8]> = claimed.chain([peer.as_bytes()]).collect();
        if let Ok(chain) = HeaderValue::from_bytes(&chain.join(&b", "[..])) {
            headers.insert(X_FORWARDED_FOR, chain);
        }
        headers.insert(X_FORWARDED_PORT, HeaderValue::from(self.endpoints.local.port()));
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
        if !headers.contains_key(&X_AMZN_TRACE_ID)
            && let Ok(trace_id) = HeaderValue::try_from(encoding::fresh_trace_id(self.received_at))
        {
            headers.insert(X_AMZN_TRACE_ID, trace_id);
        }
    }
}

fn domain_name(headers: &HeaderMap, endpoints: Endpoints) -> Option<String> {
    let mut hosts = headers.get_all(HOST).iter();
    let Some(host) = hosts.next() else {
        return Some(endpoints.local.ip().to_string());
    };
    let authority: Authority = host.to_str().ok()?.parse().ok()?;
    let acceptable = |character: char| character.is_ascii_alphanumeric() || "-._:[]".contains(character);
    // The functions' adapter makes a URL of it and panics if it can't.
    let is_proper = hosts.next().is_none()
        && authority.as_str().chars().all(acceptable)
        && Url::parse(&format!("http://{authority}/")).is_ok();
    is_proper.then(|| authority.host().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(headers: &[(HeaderName, &'static str)]) -> Option<Call> {
        let fields = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value);
        }
        let endpoints = Endpoints {
            peer: "192.0.2.7:4711".parse().expect("an address"),
            local: "127.0.0.1:8080".parse().expect("an address"),
        };
        Call::new(&headers, endpoints, &[], DateTime::default())
    }

    #[test]
    fn the_domain_name_is_the_host_without_its_port() {
        let domain = |host| call(&[(HOST, host)]).map(|call| call.domain_name);
        assert_eq!(domain("chat.example:8080").as_deref(), Some("chat.example"));
        assert_eq!(domain("[::1]:8080").as_deref(), Some("[::1]"));
        assert_eq!(domain("a b"), None);
        assert_eq!(domain("user@host"), None);
        assert_eq!(
            domain("xn--mnchen-3ya.example").as_deref(),
            Some("xn--mnchen-3ya.example")
        );
        for host in [
            "",
            "1.2.3.999",
            "1.2.3.999.",
            "a.0x1",
            "x:99999",
            "[::zz]",
            "xn--",
            "a.XN--zn7c",
        ] {
            assert_eq!(domain(host), None, "{host}");
        }
        assert_eq!(call(&[(HOST, "a"), (HOST, "b")]).map(|call| call.domain_name), None);
        assert_eq!(call(&[]).map(|call| call.domain_name).as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn the_peer_is_added_to_the_chain_of_proxies() {
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_static("198.51.100.1"));
        call(&[]).expect("a call").add_gateway_headers(&mut headers);
        assert_eq!(headers[&X_FORWARDED_FOR], "198.51.100.1, 192.0.2.7");
        assert_eq!(headers[&X_FORWARDED_PORT], "8080");
        assert_eq!(headers[&X_FORWARDED_PROTO], "http");
    }
}
