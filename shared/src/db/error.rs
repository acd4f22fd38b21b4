use std::time::Duration;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use super::session_lock::SHARED_SESSION;
use crate::Error;

/// Why a statement has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    /// A unique constraint, by its name in the migrations.
    #[error("the constraint {0} is violated")]
    Violated(String),
    /// No connection to be had, or it broke on the way: nobody knows whether the statement took effect.
    #[error("the database is away: {0}")]
    Away(String),
    /// The transaction gave way to another: a deadlock, or a serialisation failure. It had no effect and can be tried again.
    #[error("the database chose this statement to give way: {0}")]
    GaveWay(String),
    /// No answer in time; the connection was given up.
    #[error("the database did not answer within {0:?}")]
    TimedOut(Duration),
    /// A pooler handed the statement to a session that does not know it.
    #[error(
        "{0}. Between here and Postgres is a pooler in transaction mode, which keeps no prepared statements: set \
         DATABASE_STATEMENTS=unnamed"
    )]
    StatementLost(String),
    /// A lock was to be held by way of a pooler.
    #[error("{SHARED_SESSION}")]
    SharedSession,
    /// A statement of ours that Postgres refuses: a bug, or a schema that is older than this code.
    #[error("the database refused a statement: {0}")]
    Refused(String),
    /// A fault between here and Postgres that is no refusal and no broken connection, an answer that can't be read for one: nobody knows
    /// whether the statement took effect.
    #[error("what became of a statement is unclear: {0}")]
    Unclear(String),
}

impl DbError {
    /// Whether the statement certainly had no effect, and can be made again in another way.
    pub(super) fn is_without_effect(&self) -> bool {
        match self {
            Self::Violated(_) | Self::GaveWay(_) | Self::StatementLost(_) | Self::SharedSession | Self::Refused(_) => {
                true
            }
            Self::Away(_) | Self::TimedOut(_) | Self::Unclear(_) => false,
        }
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Away(_) | DbError::GaveWay(_) | DbError::TimedOut(_) => Self::Unavailable(error.into()),
            DbError::Violated(_)
            | DbError::StatementLost(_)
            | DbError::SharedSession
            | DbError::Refused(_)
            | DbError::Unclear(_) => Self::Internal(error.into()),
        }
    }
}

impl From<PoolError> for DbError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::Away(describe(&error)),
            error => Self::Away(error.to_string()),
        }
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(refusal) = error.as_db_error() else {
            let is_io = std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
            return if error.is_closed() || is_io {
                Self::Away(describe(&error))
            } else {
                Self::Unclear(describe(&error))
            };
        };
        match refusal.constraint() {
            Some(constraint) if *refusal.code() == SqlState::UNIQUE_VIOLATION => Self::Violated(constraint.to_owned()),
            _ if refusal.code().code().starts_with("40") => Self::GaveWay(describe(&error)),
            _ if is_about_a_name(refusal.code()) => Self::StatementLost(describe(&error)),
            _ if is_passing(refusal.code()) => Self::Away(describe(&error)),
            _ => Self::Refused(describe(&error)),
        }
    }
}

/// Whether the same statement can succeed later: Postgres starts, stops, fails over, or is full
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn is_passing(state: &SqlState) -> bool {
    const CLASSES: [&str; 4] = ["08", "25", "53", "57"];
    CLASSES.iter().any(|class| state.code().starts_with(class))
}

/// Whether a prepared statement is not there, or another has its name. A session of our own knows what it prepared.
fn is_about_a_name(state: &SqlState) -> bool {
    [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT].contains(state)
}

/// Postgres' message without its detail, which can quote a row's values.
fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(refusal) => format!("{} ({})", refusal.message(), refusal.code().code()),
        None => match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    }
}
