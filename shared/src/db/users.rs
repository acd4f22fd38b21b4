//! Accounts.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::{Database, DbError};
use crate::Error;
use crate::domain::{Email, NamePrefix, UserId, Username};

/// A user, as they see themselves.
#[derive(Debug, Clone)]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// The name, as its owner wrote it.
    pub username: String,
    /// The e-mail address, in lower case.
    pub email: String,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// When the account last changed.
    pub updated_at: DateTime<Utc>,
}

/// What a login is checked against.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Whose they are.
    pub user_id: UserId,
    /// The password's hash, as a PHC string.
    pub password_hash: String,
}

/// Stores a new account.
///
/// # Errors
/// [`Error::UsernameTaken`], [`Error::EmailTaken`], or what the database says.
pub async fn insert(db: &Database, username: &Username, email: &Email, password_hash: &str) -> Result<UserId, Error> {
    let id = UserId::generate();
    db.query(
        "insert into users (id, username, username_key, email, password_hash) values ($1, $2, $3, $4, $5)",
        &[
            (id.as_uuid(), Type::UUID),
            (&username.as_str(), Type::TEXT),
            (&username.key(), Type::TEXT),
            (&email.as_str(), Type::TEXT),
            (&password_hash, Type::TEXT),
        ],
    )
    .await
    .map_err(taken)?;
    Ok(id)
}

/// The account with this id.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn find(db: &Database, id: UserId) -> Result<Option<User>, DbError> {
    let row = db
        .query_opt(
            "select id, username, email, created_at, updated_at from users where id = $1",
            &[(id.as_uuid(), Type::UUID)],
        )
        .await?;
    Ok(row.as_ref().map(user))
}

/// A user as others find them.
#[derive(Debug, Clone)]
pub struct Found {
    /// The user's id.
    pub id: UserId,
    /// The user's name.
    pub username: String,
}

/// Users whose names begin like this, in the order of their names.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn search(db: &Database, prefix: &NamePrefix, limit: i64) -> Result<Vec<Found>, DbError> {
    // A range instead of a pattern: no character of the prefix means anything but itself.
    let rows = db
        .query(
            "select id, username from users where username_key >= $1 and username_key < $2 order by username_key limit $3",
            &[
                (&prefix.as_str(), Type::TEXT),
                (&prefix.end(), Type::TEXT),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    let found = |row: &Row| Found {
        id: UserId::from(row.get::<_, uuid::Uuid>("id")),
        username: row.get("username"),
    };
    Ok(rows.iter().map(found).collect())
}

/// What the login with this address is checked against.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn find_credentials(db: &Database, email: &Email) -> Result<Option<Credentials>, DbError> {
    let row = db
        .query_opt(
            "select id, password_hash from users where email = $1",
            &[(&email.as_str(), Type::TEXT)],
        )
        .await?;
    Ok(row.map(|row| Credentials {
        user_id: UserId::from(row.get::<_, uuid::Uuid>("id")),
        password_hash: row.get("password_hash"),
    }))
}

/// How often an update is tried that gives way to others.
const UPDATE_ATTEMPTS: usize = 4;

/// Changes what is given and leaves the rest; `None` where there is no such account.
///
/// # Errors
/// [`Error::UsernameTaken`], [`Error::EmailTaken`], or what the database says.
pub async fn update(
    db: &Database,
    id: UserId,
    username: Option<&Username>,
    email: Option<&Email>,
) -> Result<Option<User>, Error> {
    let mut row = try_update(db, id, username, email).await;
    // Those who want each other's names at once wait for each other, until Postgres ends one of them. What it would have done is the
    // same the next time, whatever became of the last, and of those who are left one always gets through.
    for _ in 1..UPDATE_ATTEMPTS {
        match row {
            Err(DbError::GaveWay(_)) => row = try_update(db, id, username, email).await,
            outcome => return Ok(outcome.map_err(taken)?.as_ref().map(user)),
        }
    }
    Ok(row.map_err(taken)?.as_ref().map(user))
}

async fn try_update(
    db: &Database,
    id: UserId,
    username: Option<&Username>,
    email: Option<&Email>,
) -> Result<Option<Row>, DbError> {
    db.query_opt(
        "update users set
             username = coalesce($2, username),
             username_key = coalesce($3, username_key),
             email = coalesce($4, email),
             updated_at = clock_timestamp()
         where id = $1
         returning id, username, email, created_at, updated_at",
        &[
            (id.as_uuid(), Type::UUID),
            (&username.map(Username::as_str), Type::TEXT),
            (&username.map(Username::key), Type::TEXT),
            (&email.map(Email::as_str), Type::TEXT),
        ],
    )
    .await
}

fn user(row: &Row) -> User {
    User {
        id: UserId::from(row.get::<_, uuid::Uuid>("id")),
        username: row.get("username"),
        email: row.get("email"),
        created_at: row.get("created_at"),
        updated_at: row.get("updated_at"),
    }
}

fn taken(error: DbError) -> Error {
    match error {
        DbError::Violated(constraint) if constraint == "users_username_key" => Error::UsernameTaken,
        DbError::Violated(constraint) if constraint == "users_email_key" => Error::EmailTaken,
        error => error.into(),
    }
}
