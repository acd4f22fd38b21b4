use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::Extensions;
use http::request::Parts;
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;

use crate::domain::SourceAddress;

/// Where a request came from, as the gateway saw it.
#[derive(Debug, Clone, Copy)]
pub struct Source(pub Option<SourceAddress>);

impl<S: Sync> FromRequestParts<S> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let address = match parts.extensions.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => {
                context.http.source_ip.as_deref().and_then(SourceAddress::parse)
            }
            _ => None,
        };
        Ok(Self(address))
    }
}

/// The gateway's name for the request.
pub(super) fn request_id(extensions: &Extensions) -> String {
    match extensions.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone().unwrap_or_default(),
        _ => String::new(),
    }
}
