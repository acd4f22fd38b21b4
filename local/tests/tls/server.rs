//! A real Postgres that takes passwords over TLS only.

use std::error::Error;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use local::postgres::{Options, Postgres, PostgresError};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use shared::db::connect::Endpoint;
use tokio::net::TcpSocket;
use tokio::time::sleep;
use tokio_postgres::Client;

/// Who may connect: the cluster's own user by socket, everybody else with a password over TLS.
const ACCESS: &str = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
const PASSWORD: &str = "p@ss/wörd?";

/// A Postgres with a certificate for `localhost` and 127.0.0.1, and a user `ann`.
pub(crate) struct TlsServer {
    pub(crate) postgres: Postgres,
    pub(crate) port: u16,
    /// Keeps the port for Postgres.
    _reservation: TcpSocket,
    pub(crate) own_authority: PathBuf,
    pub(crate) other_authority: PathBuf,
}

impl TlsServer {
    pub(crate) async fn start(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{name}"));
        fs::create_dir_all(&folder).unwrap();
        let reservation = reserve_port();
        let port = reservation.local_addr().unwrap().port();
        let postgres = start_postgres(&folder.join("cluster"), port).await;

        let own = Authority::new("own");
        let own_authority = write(&folder.join("own.pem"), &own.certificate);
        let other_authority = write(&folder.join("other.pem"), &Authority::new("other").certificate);
        let server = Self {
            postgres,
            port,
            _reservation: reservation,
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
        for _ in 0..600 {
            if connect(&url).await.is_ok() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("{}", connect(&url).await.unwrap_err());
    }

    pub(crate) fn url(&self, parameters: &str) -> String {
        format!(
            "user=ann password='{PASSWORD}' dbname=postgres port={} {parameters}",
            self.port
        )
    }

    pub(crate) async fn accepts(&self, parameters: &str) {
        match connect(&self.url(parameters)).await {
            Ok(client) => assert!(uses_tls(&client).await, "{parameters}"),
            Err(refusal) => panic!("{parameters}: {refusal}"),
        }
    }

    pub(crate) async fn refuses(&self, parameters: &str, reason: &str) {
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

/// A socket that is bound to a port and does not listen: the system gives the port to nobody else, but Postgres may listen there, as it
/// reuses addresses too.
fn reserve_port() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    socket
}

async fn start_postgres(folder: &Path, port: u16) -> Postgres {
    let options = Options::new(folder)
        .non_durable()
        .setting("listen_addresses", "127.0.0.1")
        .setting("port", port.to_string());
    loop {
        match Postgres::start(options.clone()).await {
            // By another run of the tests, which ends.
            Err(PostgresError::AlreadyRunning { .. }) => sleep(Duration::from_millis(100)).await,
            started => return started.unwrap(),
        }
    }
}

fn write(file: &Path, text: &str) -> PathBuf {
    fs::write(file, text).unwrap();
    file.to_owned()
}

pub(crate) async fn connect(url: &str) -> Result<Client, String> {
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

pub(crate) async fn uses_tls(client: &Client) -> bool {
    let statement = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    client.query_one(statement, &[]).await.unwrap().get(0)
}
