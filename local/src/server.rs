//! Starting everything in order, and stopping it in the reverse one.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use shared::config::ConfigError;
use shared::crypto::{Passwords, Tokens};
use shared::db::connect::Endpoint;
use shared::db::gateway_lock::GatewayLock;
use shared::db::{Database, DbError};
use shared::service::{Afterwards, Delivery, Tasks};
use shared::{Clock, Config, SystemClock};
use tokio::net::TcpListener;
use tokio::time::timeout;
use url::Url;

use crate::credentials::{self, CredentialsError};
use crate::database::{self, DatabaseError};
use crate::functions::{self, Services};
use crate::gateway::{
    self, Connections, Function, Gateway, GatewayError, HealthCheck, InvalidInvokeUrl, InvokeApi, Parts, QueueLimits,
};
use crate::postgres::Postgres;
use crate::secret;
use crate::template::{Template, TemplateError};

/// How long pushes that are under way may take at the end.
const LAST_PUSHES: Duration = Duration::from_secs(2);

/// Where a setting's value comes from, by its name in the environment.
pub type Lookup = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a server is told.
pub struct Settings {
    /// The environment, or what stands in for it.
    pub lookup: Lookup,
    /// Where the embedded Postgres and the signing key are kept.
    pub folder: PathBuf,
    /// The SAM template.
    pub template: PathBuf,
    /// The Lambda Invoke API that runs the functions; without one they run in this process.
    pub lambda: Option<Url>,
    /// Whether calls to `@connections` must be signed, with the credentials that [`credentials::find`] finds.
    pub require_sigv4: bool,
    /// The gateway's own settings.
    pub gateway: gateway::Options,
}

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
    /// The pool can't be made.
    #[error(transparent)]
    Pool(#[from] DbError),
}

/// Everything that was started, ready to serve.
pub struct Server {
    gateway: Gateway,
    foundation: Foundation,
    lock: GatewayLock,
    endpoint: Endpoint,
}

/// What the gateway stands on, and what has to end after it.
struct Foundation {
    db: Database,
    delivery: Delivery,
    postgres: Option<Postgres>,
}

impl Foundation {
    /// Ends pushes, writes marks, and stops Postgres.
    async fn stop(self) {
        if timeout(LAST_PUSHES, self.delivery.finish()).await.is_err() {
            tracing::warn!("the last pushes took too long; what is not marked as delivered is pushed again later");
        }
        self.db.close();
        if let Some(postgres) = self.postgres {
            postgres.stop().await;
        }
    }
}

impl Server {
    /// Starts what the gateway stands on: the database with its schema and lock, the functions, the routes.
    ///
    /// # Errors
    /// [`ServerError`] says what stands in the way. An embedded Postgres is stopped again then.
    pub async fn start(settings: Settings) -> Result<Self, ServerError> {
        let template = read_template(&settings)?;
        let (postgres, url) = database::obtain(set(&settings, "DATABASE_URL"), &settings.folder).await?;
        match assemble(&settings, &template, &url).await {
            Ok(mut server) => {
                server.foundation.postgres = postgres;
                Ok(server)
            }
            Err(error) => {
                if let Some(postgres) = postgres {
                    postgres.stop().await;
                }
                Err(error)
            }
        }
    }

    /// Serves until `shutdown` is ready or another gateway took the database, and ends in order: sockets are closed with 1001, what is
    /// in flight finishes, marks are written, Postgres stops.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let lost = database::keep_lock(self.endpoint, self.lock);
        let end = async {
            tokio::select! {
                () = shutdown => {}
                () = lost => tracing::error!("another gateway took over this database: stopping"),
            }
        };
        self.gateway.serve(listener, end).await;
        self.foundation.stop().await;
    }

    /// Stops what was started, without having served.
    pub async fn stop(self) {
        self.foundation.stop().await;
    }
}

fn read_template(settings: &Settings) -> Result<Template, ServerError> {
    let source = std::fs::read_to_string(&settings.template).map_err(|error| ServerError::Template {
        path: settings.template.clone(),
        error,
    })?;
    Ok(Template::parse(&source)?)
}

async fn assemble(settings: &Settings, template: &Template, database_url: &str) -> Result<Server, ServerError> {
    let config = read_config(settings, template, database_url)?;
    let database = config.database()?;
    let db = Database::new(database)?;
    let lock = database::prepare(&database.endpoint, &db).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let connections = Connections::new(QueueLimits::default());
    let delivery = Delivery::new(
        db.clone(),
        Arc::new(connections.clone()),
        Afterwards::Spawned(Tasks::default()),
    );
    let services = Services {
        db: db.clone(),
        passwords: Passwords::new(),
        tokens: Tokens::new(config.jwt_secret()?, Arc::clone(&clock)),
        delivery: delivery.clone(),
    };
    let parts = Parts {
        functions: functions(settings, template, &services)?,
        connections,
        health: health_check(db.clone()),
        clock,
    };
    Ok(Server {
        gateway: Gateway::new(template, parts, gateway_options(settings)?)?,
        foundation: Foundation {
            db,
            delivery,
            postgres: None,
        },
        lock,
        endpoint: database.endpoint.clone(),
    })
}

fn functions(
    settings: &Settings,
    template: &Template,
    services: &Services,
) -> Result<BTreeMap<String, Function>, InvalidInvokeUrl> {
    match &settings.lambda {
        Some(url) => Ok(functions::remote(template, &InvokeApi::new(url)?)),
        None => Ok(functions::link(services)),
    }
}

fn gateway_options(settings: &Settings) -> Result<gateway::Options, CredentialsError> {
    let mut options = settings.gateway.clone();
    if settings.require_sigv4 {
        let set = |name: &str| set(settings, name);
        options.management.credentials = Some(credentials::find(set, &settings.folder)?);
    }
    Ok(options)
}

/// A setting, if it is set to something.
fn set(settings: &Settings, name: &str) -> Option<String> {
    (settings.lookup)(name).filter(|value| !value.is_empty())
}

/// The functions' configuration: what the user sets, else what suits one process on one machine, else what the template says.
fn read_config(settings: &Settings, template: &Template, database_url: &str) -> Result<Config, ServerError> {
    let set = |name: &str| set(settings, name);
    let secret = match set("JWT_SECRET") {
        Some(secret) => secret,
        None => secret::load_or_make(&settings.folder).map_err(|error| ServerError::Secret {
            folder: settings.folder.clone(),
            error,
        })?,
    };
    let suitable = |name: &str| match name {
        "DATABASE_URL" => Some(database_url.to_owned()),
        "JWT_SECRET" => Some(secret.clone()),
        // One pool for all functions, whose connections nobody freezes.
        "DATABASE_POOL_SIZE" => Some("16".to_owned()),
        "DATABASE_VERIFY_CONNECTIONS" => Some("false".to_owned()),
        _ => None,
    };
    let in_template = |name: &str| {
        let mut environments = template.functions.iter().map(|function| &function.environment);
        environments.find_map(|variables| variables.get(name)?.clone())
    };
    Ok(Config::read(&|name| {
        set(name).or_else(|| suitable(name)).or_else(|| in_template(name))
    })?)
}

fn health_check(db: Database) -> HealthCheck {
    Arc::new(move || {
        let db = db.clone();
        async move { db.ping().await.map_err(|error| error.to_string()) }.boxed()
    })
}
