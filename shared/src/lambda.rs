//! Running a function on AWS Lambda.

mod after_the_answer;

use std::future::Future;
use std::sync::{Arc, OnceLock};

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use axum::Router;
use lambda_http::Adapter;
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{LambdaEvent, LambdaInvocation, Runtime, service_fn};
use tower::util::MapRequestLayer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::crypto::{Passwords, Tokens};
use crate::db::Database;
use crate::db::connect::Endpoint;
use crate::push::management_api::ManagementApi;
use crate::service::{Afterwards, Deferred, Delivery};
use crate::{Config, SystemClock};
use after_the_answer::AfterTheAnswer;

pub use lambda_http::Error;

/// What a function is built of, from its environment.
pub struct Environment {
    config: Config,
    db: OnceLock<Database>,
    deferred: Deferred,
}

impl Environment {
    fn from_process() -> Result<Self, Error> {
        Ok(Self {
            config: Config::read(&|name| std::env::var(name).ok())?,
            db: OnceLock::new(),
            deferred: Deferred::default(),
        })
    }

    /// The pool, the same at each call: one connection, as an environment serves one request at a time.
    ///
    /// # Errors
    /// Where `DATABASE_URL` is not set.
    pub fn database(&self) -> Result<Database, Error> {
        if let Some(db) = self.db.get() {
            return Ok(db.clone());
        }
        let db = Database::new(self.config.database()?)?;
        Ok(self.db.get_or_init(|| db).clone())
    }

    /// The way to Postgres past any pooler, for what needs a session of its own.
    ///
    /// # Errors
    /// Where `DATABASE_URL` is not set.
    pub fn direct_database(&self) -> Result<Endpoint, Error> {
        Ok(self.config.database()?.direct.clone())
    }

    /// The password hasher.
    #[must_use]
    pub fn passwords(&self) -> Passwords {
        Passwords::new()
    }

    /// The tokens.
    ///
    /// # Errors
    /// Where `JWT_SECRET` is not set.
    pub fn tokens(&self) -> Result<Tokens, Error> {
        Ok(Tokens::new(self.config.jwt_secret()?, Arc::new(SystemClock)))
    }

    /// Pushes through the management API; what follows a push is done before the function answers.
    ///
    /// # Errors
    /// Where `WEBSOCKET_CALLBACK_URL` or `DATABASE_URL` is not set.
    pub async fn delivery(&self) -> Result<Delivery, Error> {
        self.deliver(Afterwards::Inline).await
    }

    /// As [`Environment::delivery`], but what follows waits for the answer: a connection takes frames only after its `$connect` has.
    /// It is for functions that are served by [`Environment::serve_websocket_and_what_follows`], which runs it.
    ///
    /// # Errors
    /// As [`Environment::delivery`].
    pub async fn delivery_after_the_answer(&self) -> Result<Delivery, Error> {
        self.deliver(Afterwards::Deferred(self.deferred.clone())).await
    }

    async fn deliver(&self, afterwards: Afterwards) -> Result<Delivery, Error> {
        let push = ManagementApi::connect(self.config.callback_url()?).await?;
        Ok(Delivery::new(self.database()?, Arc::new(push), afterwards))
    }

    /// Serves an HTTP function.
    ///
    /// # Errors
    /// Where the Lambda runtime ends.
    pub async fn serve_http(&self, router: Router) -> Result<(), Error> {
        let runtime = Runtime::new(Adapter::from(router)).layer(TracingLayer::new());
        runtime.layer(self.waking()).run().await
    }

    /// Serves a WebSocket function.
    ///
    /// # Errors
    /// Where the Lambda runtime ends.
    pub async fn serve_websocket<H, F>(&self, handler: H) -> Result<(), Error>
    where
        H: Fn(ApiGatewayWebsocketProxyRequest) -> F,
        F: Future<Output = Result<ApiGatewayProxyResponse, Error>>,
    {
        let handler = service_fn(|event: LambdaEvent<ApiGatewayWebsocketProxyRequest>| handler(event.payload));
        let runtime = Runtime::new(handler).layer(TracingLayer::new());
        runtime.layer(self.waking()).run().await
    }

    /// Serves a WebSocket function that has work left when it has answered: the environment stays awake until that is done.
    ///
    /// # Errors
    /// Where the Lambda runtime or the extension ends.
    pub async fn serve_websocket_and_what_follows<H, F>(&self, handler: H) -> Result<(), Error>
    where
        H: Fn(ApiGatewayWebsocketProxyRequest) -> F,
        F: Future<Output = Result<ApiGatewayProxyResponse, Error>>,
    {
        let after = AfterTheAnswer::new(self.deferred.clone());
        let awake = after.keep_awake().await;
        let handler = service_fn(|event: LambdaEvent<ApiGatewayWebsocketProxyRequest>| handler(event.payload));
        let runtime = Runtime::new(handler).layer(TracingLayer::new()).layer(after);
        tokio::try_join!(runtime.layer(self.waking()).run(), awake).map(drop)
    }

    /// A layer that notes the begin of each invocation: the environment may have been frozen since the last one.
    fn waking(&self) -> MapRequestLayer<impl Fn(LambdaInvocation) -> LambdaInvocation + Clone + use<>> {
        let db = self.db.get().cloned();
        MapRequestLayer::new(move |invocation| {
            if let Some(db) = &db {
                db.distrust_connections();
            }
            invocation
        })
    }
}

/// The environment of this process, with logging started.
///
/// # Errors
/// Where a setting has a wrong value.
pub fn environment() -> Result<Environment, Error> {
    start_logging();
    Environment::from_process()
}

/// JSON lines for `CloudWatch`, which adds the time itself. `RUST_LOG` says which; without it, or with one that can't be read, those
/// of level `info` and above.
fn start_logging() {
    let filter = std::env::var("RUST_LOG").ok().and_then(|filter| filter.parse().ok());
    let filter = filter.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = fmt::layer().json().without_time().with_filter(filter);
    tracing_subscriber::registry().with(lines).init();
}
