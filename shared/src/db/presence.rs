//! Who is online, for those who may know: the contacts, as `contacts` in the migrations has them.

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connections::Connection;
use super::messages::connections;
use super::{Database, DbError};
use crate::domain::UserId;

/// Which of a user's contacts are online.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn list_online(db: &Database, user: UserId) -> Result<Vec<UserId>, DbError> {
    let rows = db
        .query(
            "select contact from contacts($1) as contact
             where exists (select from connections where user_id = contact and connected_at > lease_start())",
            &[(user.as_uuid(), Type::UUID)],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| UserId::from(row.get::<_, Uuid>("contact")))
        .collect())
}

/// The connections of a user's contacts.
///
/// # Errors
/// [`DbError`] where the database does not answer.
pub async fn list_audience(db: &Database, user: UserId) -> Result<Vec<Connection>, DbError> {
    let row = db
        .query_one(
            "select array_agg(c.id) as connection_ids, array_agg(c.opened_at is not null) as connections_open
             from contacts($1) as contact
             join connections c on c.user_id = contact and c.connected_at > lease_start()",
            &[(user.as_uuid(), Type::UUID)],
        )
        .await?;
    Ok(connections(&row))
}
