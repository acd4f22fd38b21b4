//! Work that follows a function's answer.
//!
//! Lambda freezes an environment once its runtime has asked for the next invocation and its extensions have asked for the next event.
//! So the function registers an extension of its own (an internal one, a task of this process), which asks for the next event when the
//! work of the present one is done. The client has its answer meanwhile.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>

use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Inspect};
use lambda_extension::{Extension, LambdaEvent, NextEvent, RegisteredExtension};
use lambda_runtime::{LambdaInvocation, service_fn};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tower::{Layer, Service};

use super::Error;
use crate::service::Deferred;

/// How long an invocation may take with what follows it; work that is not done by then is given up. The template's `Timeout`, at
/// which Lambda would end the whole environment, has to be longer.
const LONGEST_INVOCATION: Duration = Duration::from_secs(25);

/// How long the extension waits for the end of an invocation: so much longer that it is never reached where invocations end.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Runs what was put aside once an invocation is answered, as a layer around the runtime.
#[derive(Clone)]
pub(super) struct AfterTheAnswer {
    deferred: Deferred,
    /// The request id of the last invocation whose work is done.
    done: watch::Sender<String>,
}

impl AfterTheAnswer {
    /// For what is put aside in `deferred`.
    pub(super) fn new(deferred: Deferred) -> Self {
        Self {
            deferred,
            done: watch::Sender::default(),
        }
    }

    /// Registers the extension, which has to happen before the runtime starts, and returns its endless life. Where there is no
    /// Extensions API, as in some emulators, the work runs all the same, for as long as nobody freezes the process.
    pub(super) async fn keep_awake(&self) -> BoxFuture<'static, Result<(), Error>> {
        let done = self.done.subscribe();
        let extension = Extension::new()
            .with_extension_name("after-the-answer")
            // Lambda has no other event for internal extensions.
            .with_events(&["INVOKE"])
            .with_events_processor(service_fn(move |event| wait_until_done(done.clone(), event)));
        match extension.register().await {
            Ok(registered) => RegisteredExtension::run(registered).boxed(),
            Err(error) => {
                tracing::warn!(%error, "no extension: a frozen environment finishes its work at the next invocation");
                std::future::pending().boxed()
            }
        }
    }

    fn run(self, request_id: String, begin: Instant) {
        drop(tokio::spawn(async move {
            let end = timeout_at(begin + LONGEST_INVOCATION, self.deferred.run()).await;
            if end.is_err() {
                tracing::warn!(request_id, "work after the answer took too long and was given up");
            }
            self.done.send_replace(request_id);
        }));
    }
}

/// Ends when the invocation's work does, whereupon the extension asks for the next event.
async fn wait_until_done(mut done: watch::Receiver<String>, event: LambdaEvent) -> Result<(), Error> {
    if let NextEvent::Invoke(invocation) = event.next {
        let is_done = done.wait_for(|request_id| *request_id == invocation.request_id);
        if timeout(LONGEST_WAIT, is_done).await.is_err() {
            tracing::warn!(request_id = invocation.request_id, "an invocation did not end");
        }
    }
    Ok(())
}

impl<S> Layer<S> for AfterTheAnswer {
    type Service = Answering<S>;

    fn layer(&self, inner: S) -> Answering<S> {
        let after = self.clone();
        Answering { inner, after }
    }
}

/// Invocations, from the event to the answer's acceptance by Lambda. It includes what never reaches the handler: an event that can't
/// be read.
pub(super) struct Answering<S> {
    inner: S,
    after: AfterTheAnswer,
}

impl<S> Service<LambdaInvocation> for Answering<S>
where
    S: Service<LambdaInvocation>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Inspect<S::Future, Box<dyn FnOnce(&Result<S::Response, S::Error>) + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let (after, begin) = (self.after.clone(), Instant::now());
        let request_id = invocation.context.request_id.clone();
        let answer = self.inner.call(invocation);
        answer.inspect(Box::new(move |_| after.run(request_id, begin)))
    }
}
