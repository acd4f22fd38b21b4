//! What the database must refuse by itself, whatever the functions do. Behind their own looks and locks the keys are a second line, which no
//! workload reaches while the first one holds: so they are tried.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::Failure;
use crate::checker::Violation;

/// What is tried with a copy of a message: a name for it, and the columns that differ.
const ATTEMPTS: [(&str, &str); 2] = [
    (
        "a second message of one sender with one client_id",
        "'id', gen_random_uuid(), 'seq', seq + 1000000",
    ),
    (
        "a second message at one seq",
        "'id', gen_random_uuid(), 'client_id', 'another'",
    ),
];

/// What the database would take. Nothing of it stays.
pub(crate) async fn check(sql: &mut Client) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    for (what, differing) in ATTEMPTS {
        if would_take(sql, differing).await? {
            violations.push(Violation::Unguarded { what });
        }
    }
    Ok(violations)
}

async fn would_take(sql: &mut Client, differing: &str) -> Result<bool, Failure> {
    let insert = format!(
        "insert into messages
            select (jsonb_populate_record(message, jsonb_build_object({differing}))).*
                from messages message where client_id is not null limit 1"
    );
    let transaction = sql.transaction().await?;
    let outcome = transaction.execute(&insert, &[]).await;
    transaction.rollback().await?;
    match outcome {
        Ok(rows) => Ok(rows > 0),
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
