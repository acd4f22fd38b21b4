//! The Invoke API.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::Settings;
use crate::function::{Function, Throttled};

/// The largest payload of a synchronous invocation, in bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_PAYLOAD: usize = 6 * 1024 * 1024;

type Functions = Arc<BTreeMap<String, Arc<Function>>>;

/// A Lambda service with some functions. Dropping it kills all their processes.
pub struct Emulator {
    url: String,
    functions: Functions,
    _invoke_api: AbortOnDropHandle<()>,
    stopping: CancellationToken,
}

impl Emulator {
    /// Serves the Invoke API on a free port of the loopback interface. No function is started before its first invocation.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start(functions: impl IntoIterator<Item = Settings>) -> io::Result<Self> {
        let stopping = CancellationToken::new();
        let named = |settings: Settings| {
            let name = settings.name.clone();
            (name, Arc::new(Function::new(settings, stopping.clone())))
        };
        let functions: Functions = Arc::new(functions.into_iter().map(named).collect());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new()
            .route("/2015-03-31/functions/{name}/invocations", post(invoke))
            .layer(DefaultBodyLimit::max(MAX_PAYLOAD))
            .with_state(Arc::clone(&functions));
        let serve = async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the Invoke API ended");
            }
        };
        Ok(Self {
            url,
            functions,
            _invoke_api: AbortOnDropHandle::new(tokio::spawn(serve)),
            stopping,
        })
    }

    /// Where the Invoke API is, without a final slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The ids of a function's processes, frozen ones included.
    #[must_use]
    pub fn processes(&self, function: &str) -> BTreeSet<u32> {
        let function = self.functions.get(function);
        function.map(|function| function.processes().ids()).unwrap_or_default()
    }

    /// Whether no environment has anything to do: all are frozen, or ended.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.functions.values().all(|function| function.is_idle())
    }

    /// Kills all processes of a function, as a fault would.
    pub fn kill(&self, function: &str) {
        if let Some(function) = self.functions.get(function) {
            function.processes().kill();
        }
    }

    /// Kills one process that has an invocation in hand, or what follows its answer: of all that do, of whatever function, the one
    /// that `pick` falls on. Returns the function's name; nothing where no process is at work.
    #[must_use]
    pub fn kill_at_work(&self, pick: usize) -> Option<&str> {
        let mut at_work = Vec::new();
        for (name, function) in self.functions.iter() {
            let ids = function.processes().at_work();
            at_work.extend(ids.into_iter().map(|id| (name, function, id)));
        }
        let (name, function, id) = at_work.get(pick % at_work.len().max(1))?;
        function.processes().kill_one(*id);
        Some(name)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stopping.cancel();
        self.functions.values().for_each(|function| function.stop());
    }
}

async fn invoke(
    State(functions): State<Functions>,
    Path(name): Path<String>,
    headers: HeaderMap,
    payload: Bytes,
) -> Response {
    let kind = headers.get("x-amz-invocation-type");
    if kind.is_some_and(|kind| kind != "RequestResponse") {
        let message = "the emulator answers synchronous invocations only";
        return refusal(StatusCode::BAD_REQUEST, "InvalidParameterValueException", message);
    }
    let Some(function) = functions.get(&name) else {
        let message = format!("Function not found: {name}");
        return refusal(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
    };
    match function.invoke(payload).await {
        Err(Throttled) => refusal(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequestsException",
            "Rate Exceeded.",
        ),
        Ok(answer) => {
            let failed = answer.is_error.then_some([("x-amz-function-error", "Unhandled")]);
            let headers = [
                ("x-amz-executed-version", "$LATEST".to_owned()),
                ("x-amzn-requestid", Uuid::new_v4().to_string()),
            ];
            (headers, failed.map(axum::response::AppendHeaders), answer.payload).into_response()
        }
    }
}

/// What the Invoke API itself refuses.
fn refusal(status: StatusCode, kind: &'static str, message: &str) -> Response {
    let body = json!({"Type": "User", "Message": message});
    (status, [("x-amzn-errortype", kind)], body.to_string()).into_response()
}
