//! `sslmode` and `sslrootcert` against a real Postgres that takes passwords over TLS only.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::error::Error;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use local::postgres::{Options, Postgres};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use shared::db::connect::Endpoint;
use shared::db::{Database, DatabaseConfig, DbError, Statements, connections};
use tokio::time::timeout;
use tokio_postgres::Client;

/// Who may connect: the cluster's own user by socket, everybody else with a password over TLS.
const ACCESS: &str = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
const PASSWORD: &str = "p@ss/wörd?";
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
        timeout: Duration::from_millis(300),
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

/// A Postgres with a certificate for `localhost` and 127.0.0.1, and a user `ann`.
struct TlsServer {
    postgres: Postgres,
    port: u16,
    own_authority: PathBuf,
    other_authority: PathBuf,
}

impl TlsServer {
    async fn start(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{name}"));
        fs::create_dir_all(&folder).unwrap();
        let port = free_port();
        let options = Options::new(folder.join("cluster"))
            .non_durable()
            .setting("listen_addresses", "127.0.0.1")
            .setting("port", port.to_string());
        let postgres = Postgres::start(options).await.unwrap();

        let own = Authority::new("own");
        let own_authority = write(&folder.join("own.pem"), &own.certificate);
        let other_authority = write(&folder.join("other.pem"), &Authority::new("other").certificate);
        let server = Self {
            postgres,
            port,
            own_authority,
            other_authority,
        };
        server.set_up(&own).await;
        server
    }

    async fn set_up(&self, authority: &Authority) {
        let admin = connect(&self.postgres.url()).await.unwrap();
        let data: String = admin.query_one("show data_directory", &[]).await.unwrap().get(0);
        let owner = fs::metadata(self.postgres.log_file()).unwrap().uid();
        let (certificate, key) = authority.issue(&["localhost", "127.0.0.1"]);
        for (file, text) in [
            ("server.crt", certificate),
            ("server.key", key),
            ("pg_hba.conf", ACCESS.to_owned()),
        ] {
            let file = write(&Path::new(&data).join(file), &text);
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            chown(&file, Some(owner), None).unwrap();
        }
        for statement in [
            "drop role if exists ann",
            &format!("create role ann login password '{PASSWORD}'"),
            "alter system set ssl = on",
            "select pg_reload_conf()",
        ] {
            admin.batch_execute(statement).await.unwrap();
        }
        self.wait_for_tls().await;
    }

    /// The postmaster reloads when it gets round to it.
    async fn wait_for_tls(&self) {
        let url = self.url("host=localhost sslmode=require");
        for _ in 0..100 {
            if connect(&url).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{}", connect(&url).await.unwrap_err());
    }

    fn url(&self, parameters: &str) -> String {
        format!(
            "user=ann password='{PASSWORD}' dbname=postgres port={} {parameters}",
            self.port
        )
    }

    async fn accepts(&self, parameters: &str) {
        match connect(&self.url(parameters)).await {
            Ok(client) => assert!(uses_tls(&client).await, "{parameters}"),
            Err(refusal) => panic!("{parameters}: {refusal}"),
        }
    }

    async fn refuses(&self, parameters: &str, reason: &str) {
        let refusal = connect(&self.url(parameters)).await.err();
        assert!(
            refusal.as_ref().is_some_and(|refusal| refusal.contains(reason)),
            "{parameters}: {refusal:?}"
        );
    }
}

/// A certificate authority of our own.
struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).unwrap().pem();
        Self {
            certificate,
            issuer: Issuer::new(parameters, key),
        }
    }

    /// A certificate for these names and its key, as PEM.
    fn issue(&self, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().copied().map(String::from).collect();
        let certificate = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &self.issuer)
            .unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

async fn connect(url: &str) -> Result<Client, String> {
    Endpoint::parse(url)
        .unwrap()
        .connect()
        .await
        .map_err(|error| describe(&error))
}

/// An error with its causes.
fn describe(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

async fn uses_tls(client: &Client) -> bool {
    let statement = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    client.query_one(statement, &[]).await.unwrap().get(0)
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn write(file: &Path, text: &str) -> PathBuf {
    fs::write(file, text).unwrap();
    file.to_owned()
}
