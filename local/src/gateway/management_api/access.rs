//! Who may call.
//!
//! A call pushes into other people's sockets or cuts them. API Gateway has the caller sign it, and with credentials given so
//! does this gateway. Without, whoever reaches the loopback interface is trusted, which is no protection against a web page in
//! a browser there or a proxy that passes on what comes from outside: a call that shows signs of either is refused.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{FORWARDED, HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName};

use shared::Clock;

use super::error::ApiError;
use super::signature::{Claim, Verifier};
use crate::gateway::Credentials;
use crate::gateway::call::Call;

/// Whom calls are taken from.
pub(super) enum Access {
    /// From this machine.
    Local,
    /// From whoever has the key.
    Signed(Verifier),
}

/// A call that may be made as far as its head tells.
pub(super) enum Admission<'a> {
    Local,
    Signed(&'a Verifier, Claim),
}

impl Access {
    /// With credentials calls must be signed with them.
    pub(super) fn new(credentials: Option<Credentials>, clock: Arc<dyn Clock>) -> Self {
        match credentials {
            Some(credentials) => Self::Signed(Verifier::new(credentials, clock)),
            None => Self::Local,
        }
    }

    /// Checks a call before its body is read.
    pub(super) fn admit(&self, head: &Parts, call: &Call) -> Result<Admission<'_>, ApiError> {
        match self {
            Self::Local => check_local(head, call).map(|()| Admission::Local),
            Self::Signed(verifier) => Ok(Admission::Signed(verifier, verifier.examine(head)?)),
        }
    }
}

impl Admission<'_> {
    /// Checks what the body is needed for.
    pub(super) fn confirm(&self, head: &Parts, body: &[u8]) -> Result<(), ApiError> {
        match self {
            Self::Local => Ok(()),
            Self::Signed(verifier, claim) => verifier.confirm(claim, head, body),
        }
    }
}

/// Lets a call pass that a process on this machine makes for itself.
fn check_local(head: &Parts, call: &Call) -> Result<(), ApiError> {
    let refuse = |what: &str| {
        Err(ApiError::forbidden(format!(
            "{what}: @connections takes calls from this machine only"
        )))
    };
    if !call.peer().is_loopback() {
        return refuse("The call comes from another machine");
    }
    if let Some(header) = head.headers.keys().find(|name| tells_of_another(name)) {
        return refuse(&format!("The call has the header {header}"));
    }
    if !is_for_loopback(&head.headers) {
        return refuse("The call is for another host");
    }
    Ok(())
}

/// Whether a header shows that somebody else is behind the call: a web page, or the client of a proxy.
fn tells_of_another(name: &HeaderName) -> bool {
    *name == ORIGIN || *name == FORWARDED || name.as_str().starts_with("x-forwarded-")
}

/// Whether the caller meant this machine: a page whose name was made to resolve to it still says its own name.
fn is_for_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = host.and_then(|host| host.parse::<Authority>().ok());
    authority.is_some_and(|authority| is_loopback(authority.host()))
}

/// Whether a host's name or address is this machine's own (RFC 6761, section 6.3, for the names).
fn is_loopback(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use http::Request;
    use shared::SystemClock;

    use super::*;
    use crate::gateway::call::Endpoints;

    /// A call from `peer` that nothing else is wrong with.
    fn call_from(peer: &str) -> (Parts, Call) {
        let (head, ()) = Request::post("/")
            .header(HOST, "127.0.0.1:8080")
            .body(())
            .unwrap()
            .into_parts();
        let endpoints = Endpoints {
            peer: peer.parse().unwrap(),
            local: "192.0.2.1:8080".parse().unwrap(),
        };
        let call = Call::new(&head.headers, endpoints, &[], DateTime::default()).unwrap();
        (head, call)
    }

    fn admit(access: &Access, peer: &str) -> Result<(), ApiError> {
        let (head, call) = call_from(peer);
        access.admit(&head, &call).map(drop)
    }

    #[test]
    fn without_a_signature_only_this_machine_may_call() {
        let access = Access::new(None, Arc::new(SystemClock));
        for peer in [
            "127.0.0.1:4711",
            "127.1.2.3:4711",
            "[::1]:4711",
            "[::ffff:127.0.0.1]:4711",
        ] {
            assert_eq!(admit(&access, peer), Ok(()), "{peer}");
        }
        for peer in [
            "192.0.2.7:4711",
            "[2001:db8::1]:4711",
            "[::ffff:192.0.2.7]:4711",
            "10.0.0.1:4711",
        ] {
            assert_eq!(admit(&access, peer).unwrap_err().kind(), "ForbiddenException", "{peer}");
        }
    }

    #[test]
    fn where_a_signature_is_required_this_machine_needs_one_too() {
        let access = Access::new(Some(Credentials::new("id", "key")), Arc::new(SystemClock));
        for peer in ["127.0.0.1:4711", "192.0.2.7:4711"] {
            let error = admit(&access, peer).unwrap_err();
            assert_eq!(error.kind(), "MissingAuthenticationTokenException", "{peer}");
        }
    }

    #[test]
    fn names_and_addresses_of_this_machine_are_known() {
        for host in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "x.localhost",
            "127.0.0.1",
            "127.1.2.3",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "notlocalhost",
            "127.0.0.1.example.com",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
