//! The HTTP client beneath the AWS SDK.
//!
//! The SDK's own brings HTTP/2, a second set of certificates and their parsing at each start: a third of a function's package and
//! most of its cold start, for an API that speaks HTTP/1.1 from behind a public certificate.

use std::error::Error;
use std::iter::successors;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;

type Connections = legacy::Client<HttpsConnector<TcpConnector>, SdkBody>;

/// HTTP/1.1 over connections that are kept, with TLS by the public authorities for `https`. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Http(Connections);

impl Http {
    /// A client that waits this long for a connection.
    ///
    /// # Errors
    /// [`rustls::Error`] where the cryptography knows no version of TLS.
    pub(super) fn new(connect_timeout: Duration) -> Result<Self, rustls::Error> {
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect_timeout));
        let https = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self(legacy::Client::builder(TokioExecutor::new()).build(https)))
    }
}

impl HttpClient for Http {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connections = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            let response = connections.request(request).await.map_err(failure)?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// What the SDK has to know of a failure: those of the network are tried again.
fn failure(error: legacy::Error) -> ConnectorError {
    if error.is_connect() || causes(&error).any(is_cut_off) {
        ConnectorError::io(error.into())
    } else {
        ConnectorError::other(error.into(), None)
    }
}

/// What lies behind an error.
fn causes(error: &legacy::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    successors(error.source(), |&cause| cause.source())
}

/// Whether the connection ended before the answer was there.
fn is_cut_off(cause: &(dyn Error + 'static)) -> bool {
    let by_hyper = cause.downcast_ref::<hyper::Error>();
    cause.is::<std::io::Error>()
        || by_hyper.is_some_and(|cause| cause.is_closed() || cause.is_canceled() || cause.is_incomplete_message())
}
