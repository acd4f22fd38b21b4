//! Starting everything in order, and stopping it in the reverse one.

mod error;

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use shared::crypto::{Passwords, Tokens};
use shared::db::Database;
use shared::db::connect::Endpoint;
use shared::db::gateway_lock::GatewayLock;
use shared::service::{Afterwards, Delivery, Tasks};
use shared::{Clock, SystemClock};
use tokio::net::TcpListener;
use tokio::time::timeout;
use url::Url;

pub use error::ServerError;

use crate::cargo_lambda::CargoLambda;
use crate::credentials::{self, CredentialsError};
use crate::database;
use crate::environment::Environment;
use crate::functions::{self, Services};
use crate::gateway::{
    self, Connections, Function, Gateway, HealthCheck, InvalidInvokeUrl, InvokeApi, Parts, QueueLimits,
};
use crate::postgres::Postgres;
use crate::template::Template;

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

impl Settings {
    /// A variable, which counts as absent if it is empty.
    pub(crate) fn set(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }
}

/// Everything that was started, ready to serve.
pub struct Server {
    gateway: Gateway,
    /// The name of the WebSocket API's stage.
    stage: String,
    /// What functions in other processes are told.
    variables: BTreeMap<String, String>,
    foundation: Foundation,
    lock: GatewayLock,
    /// The way to Postgres itself, on which the lock is kept.
    direct: Endpoint,
}

/// What the gateway stands on, and what has to end after it.
struct Foundation {
    cargo_lambda: Option<CargoLambda>,
    db: Database,
    delivery: Delivery,
    postgres: Option<Postgres>,
}

impl Foundation {
    /// Ends functions and pushes, writes marks, and stops Postgres.
    async fn stop(self) {
        if let Some(cargo_lambda) = self.cargo_lambda {
            cargo_lambda.stop().await;
        }
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
        let url = database::chosen_url(|name| settings.set(name))?;
        let (postgres, url) = database::obtain(url, &settings.folder).await?;
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

    /// The environment that functions in other processes need, if this server is to be reached at `address`. It holds secrets.
    #[must_use]
    pub fn environment_of_functions(&self, address: SocketAddr) -> BTreeMap<String, String> {
        let mut variables = self.variables.clone();
        variables
            .entry("WEBSOCKET_CALLBACK_URL".to_owned())
            .or_insert_with(|| format!("http://{address}/{}", self.stage));
        variables
    }

    /// Has the functions' processes end with this server, and this server with them.
    pub fn attach(&mut self, cargo_lambda: CargoLambda) {
        self.foundation.cargo_lambda = Some(cargo_lambda);
    }

    /// Serves until `shutdown` is ready, another gateway took the database, or the functions' processes ended, and ends in order:
    /// sockets are closed with 1001, what is in flight finishes, marks are written, Postgres stops.
    ///
    /// # Errors
    /// [`ServerError::TakenOver`] and [`ServerError::FunctionsEnded`], where it was not `shutdown` that ended it.
    pub async fn serve(mut self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let lost = database::keep_lock(self.direct, self.lock);
        let mut outcome = Ok(());
        let end = async {
            outcome = tokio::select! {
                () = shutdown => Ok(()),
                () = lost => Err(ServerError::TakenOver),
                status = ended(&mut self.foundation.cargo_lambda) => Err(ServerError::FunctionsEnded(status)),
            };
            if let Err(error) = &outcome {
                tracing::error!(%error, "stopping");
            }
        };
        self.gateway.serve(listener, end).await;
        self.foundation.stop().await;
        outcome
    }

    /// Stops what was started, without having served.
    pub async fn stop(self) {
        self.foundation.stop().await;
    }
}

/// Waits for the end of the functions' processes; for ever, if there are none.
async fn ended(cargo_lambda: &mut Option<CargoLambda>) -> ExitStatus {
    match cargo_lambda {
        Some(cargo_lambda) => cargo_lambda.ended().await,
        None => pending().await,
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
    let environment = Environment::new(settings, template, database_url)?;
    let config = environment.in_process()?;
    let database = config.database()?;
    let db = Database::new(database)?;
    let lock = database::prepare(&database.direct, &db).await?;
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
    let options = gateway_options(settings)?;
    let credentials = options.management.credentials.clone();
    Ok(Server {
        gateway: Gateway::new(template, parts, options)?,
        stage: template.websocket.stage_name.clone(),
        variables: environment.of_processes(credentials.as_ref()),
        foundation: Foundation {
            db,
            delivery,
            postgres: None,
            cargo_lambda: None,
        },
        lock,
        direct: database.direct.clone(),
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
        let credentials = credentials::find(|name| settings.set(name), &settings.folder)?;
        options.management.credentials = Some(credentials);
    }
    Ok(options)
}

fn health_check(db: Database) -> HealthCheck {
    Arc::new(move || {
        let db = db.clone();
        async move { db.ping().await.map_err(|error| error.to_string()) }.boxed()
    })
}
