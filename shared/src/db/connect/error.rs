//! Why a `DATABASE_URL` is refused. No variant can carry the password, nor what might be a piece of one.

use rustls::pki_types::pem;
use thiserror::Error;

/// Why a `DATABASE_URL` can't be used. Each message says all there is to say, to whoever wrote the URL.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The text is neither of the two forms; it is not shown, since it may contain the password.
    #[error("can't read the database URL: {0}")]
    Malformed(&'static str),

    /// A percent sign which encodes nothing.
    #[error("`{name}` is not percent-encoded UTF-8 (`%` itself is written `%25`)")]
    Encoding {
        /// The part of the URL.
        name: &'static str,
    },

    /// A parameter that has no meaning here.
    #[error("unknown parameter `{name}`: remove it, or correct its spelling")]
    Unknown {
        /// As it was written.
        name: String,
    },

    /// A parameter that was given twice.
    #[error("`{name}` is given twice: keep one of them")]
    Duplicate {
        /// The parameter.
        name: &'static str,
    },

    /// A value that the parameter can't have.
    #[error("`{name}` is `{value}`: {expected} expected")]
    Invalid {
        /// The parameter.
        name: &'static str,
        /// Its value, as it was written.
        value: String,
        /// What it may be.
        expected: &'static str,
    },

    /// Nothing says where Postgres is.
    #[error("no host: write `postgres://user:password@host/name`, or `host=` with the folder of a Unix socket")]
    NoHost,

    /// The mode does not look at the server's name, so that an authority which vouches for anyone would let anyone in.
    #[error(
        "`sslmode={mode}` does not check the server's name, so it needs the authority of your own server in \
         `sslrootcert=<PEM file>`; with public authorities use `sslmode=verify-full`"
    )]
    PublicAuthority {
        /// The mode.
        mode: String,
    },

    /// The file of `sslrootcert` can't be read as PEM.
    #[error("can't read the certificates of `sslrootcert={file}`: {reason}")]
    RootsUnreadable {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: pem::Error,
    },

    /// The file of `sslrootcert` has no certificate in it.
    #[error("`sslrootcert={file}` has no `BEGIN CERTIFICATE` in it: it must be the PEM file of the server's authority")]
    RootsEmpty {
        /// The file.
        file: String,
    },

    /// A certificate in the file of `sslrootcert` is damaged.
    #[error("can't set up TLS with the certificates of `sslrootcert`: {0}")]
    Tls(rustls::Error),
}
