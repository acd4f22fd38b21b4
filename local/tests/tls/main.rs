//! `sslmode` and `sslrootcert` against a real Postgres that takes passwords over TLS only.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod server;

use std::time::Duration;

use shared::db::connect::Endpoint;
use shared::db::{Database, DatabaseConfig, DbError, Statements, connections};
use tokio::time::timeout;

use server::{TlsServer, connect, uses_tls};

const DEADLINE: Duration = Duration::from_secs(20);
const ENCODED_PASSWORD: &str = "p%40ss%2Fw%C3%B6rd%3F";

#[tokio::test]
async fn a_server_is_trusted_as_far_as_sslmode_says() {
    let server = TlsServer::start("modes").await;
    let (own, other) = (server.own_authority.display(), server.other_authority.display());

    // The name in the certificate; it is an address too.
    server
        .accepts(&format!("host=localhost sslmode=verify-full sslrootcert={own}"))
        .await;
    server
        .accepts(&format!("host=127.0.0.1 sslmode=verify-full sslrootcert={own}"))
        .await;
    server
        .accepts(&format!("hostaddr=127.0.0.1 sslmode=verify-full sslrootcert={own}"))
        .await;

    // Another name.
    let elsewhere = "host=db.example hostaddr=127.0.0.1";
    server
        .refuses(
            &format!("{elsewhere} sslmode=verify-full sslrootcert={own}"),
            "not valid for name",
        )
        .await;
    server
        .accepts(&format!("{elsewhere} sslmode=verify-ca sslrootcert={own}"))
        .await;

    // An authority that did not sign the certificate.
    for mode in ["verify-full", "verify-ca", "require", "prefer"] {
        server
            .refuses(
                &format!("host=localhost sslmode={mode} sslrootcert={other}"),
                "UnknownIssuer",
            )
            .await;
    }
    server
        .refuses("host=localhost sslmode=verify-full", "UnknownIssuer")
        .await;
    server
        .refuses("host=localhost sslrootcert=system", "UnknownIssuer")
        .await;

    // No authority asked.
    server.accepts("host=localhost sslmode=require").await;
    server.accepts("host=localhost").await;
    server.refuses("host=localhost sslmode=disable", "no encryption").await;

    server.postgres.stop().await;
}

#[tokio::test]
async fn the_password_is_bound_to_the_tls_channel() {
    let server = TlsServer::start("password").await;
    let query = format!(
        "sslmode=verify-full&sslrootcert={}&channel_binding=require",
        server.own_authority.display()
    );
    let url = |password| format!("postgres://ann:{password}@localhost:{}/postgres?{query}", server.port);

    let client = connect(&url(ENCODED_PASSWORD)).await.unwrap();
    assert!(uses_tls(&client).await);
    let refusal = connect(&url("wrong")).await.unwrap_err();
    assert!(refusal.contains("password authentication failed"), "{refusal}");

    server.postgres.stop().await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_cancelled_over_tls() {
    let server = TlsServer::start("cancelling").await;
    let admin = connect(&server.postgres.url().replace("/confab?", "/postgres?"))
        .await
        .unwrap();
    let schema = "
        drop table if exists connections;
        create table connections ();
        grant all on connections to public;
        create or replace function end_all_connections() returns void language sql as 'delete from connections'";
    admin.batch_execute(schema).await.unwrap();
    let locker = connect(&server.postgres.url().replace("/confab?", "/postgres?"))
        .await
        .unwrap();
    locker.batch_execute("begin; lock table connections").await.unwrap();

    let parameters = format!(
        "host=localhost sslmode=verify-full sslrootcert={}",
        server.own_authority.display()
    );
    let endpoint = Endpoint::parse(&server.url(&parameters)).unwrap();
    let db = Database::new(&DatabaseConfig {
        direct: endpoint.clone(),
        endpoint,
        statements: Statements::Unnamed,
        pool_size: 1,
        timeout: Duration::from_secs(2),
        verify_connections: false,
    })
    .unwrap();
    let failure = connections::clear(&db).await.unwrap_err();
    assert!(matches!(failure, DbError::TimedOut(_)), "{failure}");
    let nobody_waits =
        "select not exists (select from pg_stat_activity where usename = 'ann' and wait_event_type = 'Lock')";
    let cancelled = async { while !admin.query_one(nobody_waits, &[]).await.unwrap().get::<_, bool>(0) {} };
    timeout(DEADLINE, cancelled).await.expect("a cancelled statement");

    server.postgres.stop().await;
}
