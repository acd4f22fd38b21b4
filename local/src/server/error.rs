use std::path::PathBuf;
use std::process::ExitStatus;

use shared::config::ConfigError;
use shared::db::DbError;

use crate::credentials::CredentialsError;
use crate::database::DatabaseError;
use crate::gateway::{GatewayError, InvalidInvokeUrl};
use crate::template::TemplateError;

/// Why the server does not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The template can't be read.
    #[error("{path} can't be read: {error}", path = path.display())]
    Template {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: std::io::Error,
    },
    /// The template can't be understood.
    #[error(transparent)]
    Syntax(#[from] TemplateError),
    /// The template and the functions don't go together.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The functions can't be invoked there.
    #[error(transparent)]
    Lambda(#[from] InvalidInvokeUrl),
    /// Settings with wrong values.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The signing key can't be kept.
    #[error("the signing key can't be kept in {folder}: {error}; set JWT_SECRET instead", folder = folder.display())]
    Secret {
        /// Where.
        folder: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// There is nothing to check signatures with.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The database is not to be had.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The gateway's lock is another's.
    #[error("another gateway took over this database: stop one of the two, or set DATABASE_URL to another database")]
    TakenOver,
    /// There is nothing left to run the functions.
    #[error("cargo lambda watch ended by itself: {0}")]
    FunctionsEnded(ExitStatus),
    /// The pool can't be made.
    #[error(transparent)]
    Pool(#[from] DbError),
}
