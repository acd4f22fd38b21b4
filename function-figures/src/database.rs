//! The Postgres that the functions work with.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use local::postgres::{Options, Postgres};
use rcgen::CertifiedKey;
use shared::db::connect::Endpoint;
use shared::db::migrate::migrate;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::Failure;

/// This program connects by socket; the functions have to prove who they are, as in a deployment.
const ACCESS: &str = "local all all trust\nhost all all samehost scram-sha-256\n";

/// How long Postgres may take to read its settings anew.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// A way for functions to connect.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// What the table calls it.
    pub(crate) name: &'static str,
    /// The functions' `DATABASE_URL`.
    pub(crate) url: String,
    /// Their `DATABASE_DIRECT_URL`.
    pub(crate) direct_url: String,
}

/// A migrated database, and the ways to it.
pub(crate) struct Databases {
    embedded: Option<(Postgres, PathBuf)>,
    own_way: Endpoint,
    ways: Vec<Way>,
}

impl Databases {
    /// The one at `url`, and past any pooler at `direct_url`; without it, an embedded server of its own, durable as in a deployment.
    pub(crate) async fn open(url: Option<&str>, direct_url: Option<&str>) -> Result<Self, Failure> {
        let databases = match url {
            Some(url) => Self::given(url, direct_url.unwrap_or(url))?,
            None => Self::start().await?,
        };
        migrate(&databases.own_way).await?;
        Ok(databases)
    }

    /// How this program connects.
    pub(crate) fn own_way(&self) -> &Endpoint {
        &self.own_way
    }

    /// How functions do. The last is the most common one in a deployment.
    pub(crate) fn ways(&self) -> &[Way] {
        &self.ways
    }

    /// Stops the embedded server and removes its folder.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        if let Some((postgres, folder)) = self.embedded {
            postgres.stop().await;
            fs::remove_dir_all(folder)?;
        }
        Ok(())
    }

    fn given(url: &str, direct_url: &str) -> Result<Self, Failure> {
        let way = Way {
            name: "as given",
            url: url.to_owned(),
            direct_url: direct_url.to_owned(),
        };
        Ok(Self {
            embedded: None,
            own_way: Endpoint::parse(direct_url)?,
            ways: vec![way],
        })
    }

    async fn start() -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("confab-function-figures-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let port = free_port()?;
        let options = Options::new(folder.join("cluster"))
            .setting("listen_addresses", "localhost")
            .setting("port", port.to_string());
        let postgres = Postgres::start(options).await?;
        let own_way = Endpoint::parse(&postgres.url())?;
        let authority = folder.join("authority.pem");
        let password = Uuid::new_v4().simple().to_string();
        protect(&postgres, &own_way, &authority, &password).await?;
        let way = |name, parameters: &str| {
            let url = format!("postgres://figures:{password}@localhost:{port}/confab?{parameters}");
            Way {
                name,
                direct_url: url.clone(),
                url,
            }
        };
        let ways = vec![
            way("plain", "sslmode=disable"),
            way(
                "TLS",
                &format!("sslmode=verify-full&sslrootcert={}", authority.display()),
            ),
        ];
        wait_for(&ways).await?;
        Ok(Self {
            embedded: Some((postgres, folder)),
            own_way,
            ways,
        })
    }
}

/// Gives the server a certificate, which is its own authority, and a user with a password.
async fn protect(postgres: &Postgres, way: &Endpoint, authority: &Path, password: &str) -> Result<(), Failure> {
    let admin = way.connect().await?;
    let data: String = admin.query_one("show data_directory", &[]).await?.get(0);
    let owner = fs::metadata(postgres.log_file())?.uid();
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    fs::write(authority, cert.pem())?;
    for (name, text) in [
        ("server.crt", cert.pem()),
        ("server.key", signing_key.serialize_pem()),
        ("pg_hba.conf", ACCESS.to_owned()),
    ] {
        let file = Path::new(&data).join(name);
        fs::write(&file, text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        chown(&file, Some(owner), None)?;
    }
    for statement in [
        &format!("create role figures superuser login password '{password}'"),
        "alter system set ssl = on",
        "select pg_reload_conf()",
    ] {
        admin.batch_execute(statement).await?;
    }
    Ok(())
}

/// The server reloads when it gets round to it.
async fn wait_for(ways: &[Way]) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    for way in ways {
        let endpoint = Endpoint::parse(&way.url)?;
        while let Err(error) = endpoint.connect().await {
            if Instant::now() > deadline {
                return Err(error.into());
            }
            sleep(PAUSE).await;
        }
    }
    Ok(())
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
