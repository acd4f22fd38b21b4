//! What Postgres has to prove before it is spoken to: `sslmode` and `sslrootcert`.

mod verifier;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, NamedGroup, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::EndpointError;
use verifier::NamelessVerifier;

/// The `sslrootcert` that stands for the public authorities.
const SYSTEM: &str = "system";

/// libpq's modes; `allow` differs from `prefer` in the order of its attempts only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Mode {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }
}

/// A mode, and the file of authorities that it trusts, if not the public ones.
#[derive(Clone, Debug)]
pub(super) struct Protection {
    mode: Mode,
    authorities: Option<String>,
}

impl Protection {
    /// What `sslmode` and `sslrootcert` mean together.
    pub(super) fn choose(mode: Option<String>, roots: Option<String>) -> Result<Self, EndpointError> {
        let public = roots.as_deref() == Some(SYSTEM);
        let text = mode.unwrap_or_else(|| if public { "verify-full" } else { "prefer" }.to_owned());
        let Some(mode) = Mode::parse(&text) else {
            return Err(EndpointError::Invalid {
                name: "sslmode",
                value: text,
                expected: "disable, allow, prefer, require, verify-ca or verify-full",
            });
        };
        let authorities = roots.filter(|_| !public);
        match mode {
            // Anyone has a certificate from a public authority: without its name it proves nothing.
            Mode::Prefer | Mode::Require if public => Err(EndpointError::PublicAuthority { mode: text }),
            Mode::VerifyCa if authorities.is_none() => Err(EndpointError::PublicAuthority { mode: text }),
            _ => Ok(Self { mode, authorities }),
        }
    }

    /// What tokio-postgres has to know: whether to ask for TLS, and whether to go on without.
    pub(super) fn negotiation(&self) -> SslMode {
        match self.mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        }
    }

    /// The connector which verifies what the mode demands. It names its cryptography: the process may have no default for it.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, EndpointError> {
        let provider = provider();
        let algorithms = provider.signature_verification_algorithms;
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .map_err(EndpointError::Tls)?;
        let builder = if self.mode == Mode::VerifyFull {
            builder.with_root_certificates(self.authorities()?.unwrap_or_else(public_authorities))
        } else {
            let verifier = NamelessVerifier::new(self.authorities()?, algorithms);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        };
        let mut config = builder.with_no_client_auth();
        // As libpq does since 17; `sslnegotiation=direct` demands it.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(MakeRustlsConnect::new(config))
    }

    fn authorities(&self) -> Result<Option<RootCertStore>, EndpointError> {
        match &self.authorities {
            Some(file) if self.mode != Mode::Disable => read_authorities(file).map(Some),
            _ => Ok(None),
        }
    }
}

/// Ring's, with P-256 for the first key share. It is all that Postgres takes before version 18, unless `ssl_ecdh_curve` names another,
/// and every server of TLS 1.3 has it (RFC 8446, section 9.1): one that takes no share offered asks for another, in a round trip more.
fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    provider
        .kx_groups
        .sort_by_key(|group| group.name() != NamedGroup::secp256r1);
    provider
}

fn public_authorities() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

fn read_authorities(file: &str) -> Result<RootCertStore, EndpointError> {
    let unreadable = |reason| EndpointError::RootsUnreadable {
        file: file.to_owned(),
        reason,
    };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
        store
            .add(certificate.map_err(unreadable)?)
            .map_err(EndpointError::Tls)?;
    }
    if store.is_empty() {
        return Err(EndpointError::RootsEmpty { file: file.to_owned() });
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(mode: &str, roots: &str) -> Result<Protection, EndpointError> {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Protection::choose(given(mode), given(roots))
    }

    fn mode(mode: &str, roots: &str) -> Mode {
        choose(mode, roots).unwrap().mode
    }

    #[test]
    fn every_mode_of_libpq_is_known() {
        for (text, expected, negotiation) in [
            ("", Mode::Prefer, SslMode::Prefer),
            ("disable", Mode::Disable, SslMode::Disable),
            ("allow", Mode::Prefer, SslMode::Prefer),
            ("prefer", Mode::Prefer, SslMode::Prefer),
            ("require", Mode::Require, SslMode::Require),
            ("verify-ca", Mode::VerifyCa, SslMode::Require),
            ("verify-full", Mode::VerifyFull, SslMode::Require),
        ] {
            let protection = choose(text, "ca.pem").unwrap();
            assert_eq!(
                (protection.mode, protection.negotiation()),
                (expected, negotiation),
                "{text}"
            );
        }
    }

    #[test]
    fn public_authorities_go_with_the_name_only() {
        assert_eq!(mode("", "system"), Mode::VerifyFull);
        assert_eq!(mode("verify-full", ""), Mode::VerifyFull);
        for (mode, roots) in [
            ("prefer", "system"),
            ("require", "system"),
            ("verify-ca", "system"),
            ("verify-ca", ""),
        ] {
            let refusal = choose(mode, roots).err();
            assert!(
                matches!(refusal, Some(EndpointError::PublicAuthority { .. })),
                "{mode} {roots}"
            );
        }
    }

    #[test]
    fn the_public_authorities_make_a_connector() {
        assert!(choose("verify-full", "system").unwrap().connector().is_ok());
    }

    #[test]
    fn the_first_key_share_is_one_that_every_postgres_takes_and_no_other_is_lost() {
        let names =
            |provider: CryptoProvider| -> Vec<_> { provider.kx_groups.iter().map(|group| group.name()).collect() };
        let (ours, all) = (names(provider()), names(ring::default_provider()));
        assert_eq!(ours.first(), Some(&NamedGroup::secp256r1));
        assert_eq!(ours.len(), all.len());
        assert!(all.iter().all(|name| ours.contains(name)));
    }

    #[test]
    fn a_file_of_authorities_must_be_there_and_have_some() {
        let missing = choose("require", "/nowhere/ca.pem").unwrap().connector().err();
        assert!(matches!(missing, Some(EndpointError::RootsUnreadable { .. })));
        let empty = choose("verify-ca", "/dev/null").unwrap().connector().err();
        assert!(matches!(empty, Some(EndpointError::RootsEmpty { .. })));
    }

    #[test]
    fn without_tls_no_authorities_are_read() {
        assert!(choose("disable", "/nowhere/ca.pem").unwrap().connector().is_ok());
    }
}
