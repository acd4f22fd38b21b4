//! The answer to `CloudFormation`: a document that is put to the pre-signed URL of the request.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::cloudformation::{
    CloudFormationCustomResourceResponse as Response, CloudFormationCustomResourceResponseStatus as Status,
};
use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lambda_runtime::Error;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{sleep, timeout};

use crate::Request;

/// Always the same: with another one `CloudFormation` would take the resource for replaced, and delete "the old one".
const PHYSICAL_ID: &str = "migrations";

/// `CloudFormation` takes 4,096 bytes for the whole answer; the rest has ids, some of them long.
const LONGEST_REASON: usize = 1_000;

const ATTEMPTS: u32 = 3;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_secs(1);

/// How it went.
#[derive(Debug)]
pub(crate) enum Verdict {
    Success(String),
    Failure(String),
}

/// Hands answers over.
#[derive(Debug)]
pub(crate) struct Callback {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Callback {
    /// A client that trusts the public authorities, as the URL is one of Amazon S3.
    pub(crate) fn new() -> Result<Self, Error> {
        let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Puts the answer to the request's URL, which is never logged: who has it can answer too.
    pub(crate) async fn answer(&self, request: Request, verdict: Verdict) -> Result<(), Error> {
        let (url, response) = respond(request, verdict)?;
        let url: Uri = url.parse().map_err(|_| "the request's ResponseURL is no URL")?;
        let body = Bytes::from(serde_json::to_vec(&response)?);
        let mut attempt = 1;
        while let Err(fault) = self.put(&url, body.clone()).await {
            tracing::warn!(fault, attempt, "CloudFormation did not take the answer");
            if attempt == ATTEMPTS {
                return Err(format!("CloudFormation did not take the answer: {fault}").into());
            }
            attempt += 1;
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// One attempt. The request has no `Content-Type`, as none was signed.
    async fn put(&self, url: &Uri, body: Bytes) -> Result<(), String> {
        let request = http::Request::put(url).body(Full::new(body));
        let request = request.map_err(|error| error.to_string())?;
        let answer = timeout(ATTEMPT_TIMEOUT, self.client.request(request)).await;
        let answer = answer.map_err(|_| format!("no answer within {} s", ATTEMPT_TIMEOUT.as_secs()))?;
        let status = answer.map_err(|error| crate::chain(&error))?.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(format!("status {status}"))
        }
    }
}

/// The document, and where to put it.
fn respond(request: Request, verdict: Verdict) -> Result<(String, Response), Error> {
    let mut response = Response::default();
    response.physical_resource_id = String::from(PHYSICAL_ID);
    let reason;
    (response.status, reason) = match verdict {
        Verdict::Success(reason) => (Status::Success, reason),
        Verdict::Failure(reason) => (Status::Failed, reason),
    };
    response.reason = Some(reason.chars().take(LONGEST_REASON).collect());
    let url;
    (
        url,
        response.stack_id,
        response.request_id,
        response.logical_resource_id,
    ) = match request {
        Request::Create(it) => (it.response_url, it.stack_id, it.request_id, it.logical_resource_id),
        Request::Update(it) => (it.response_url, it.stack_id, it.request_id, it.logical_resource_id),
        Request::Delete(it) => (it.response_url, it.stack_id, it.request_id, it.logical_resource_id),
        _ => return Err("a request of a type that can't be answered".into()),
    };
    Ok((url, response))
}
