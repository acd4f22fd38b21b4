//! The header that carries a signature.

use std::fmt;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::gateway::management_api::error::ApiError;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What `AWS4-HMAC-SHA256 Credential=…/…, SignedHeaders=…, Signature=…` says.
pub(super) struct Authorization {
    pub(super) access_key_id: String,
    pub(super) scope: Scope,
    /// Names of headers in lower case, sorted and separated by semicolons.
    pub(super) signed_headers: String,
    pub(super) signature: [u8; 32],
}

/// What a signature is good for: a day, a region, and the calling of APIs.
pub(super) struct Scope {
    pub(super) date: String,
    pub(super) region: String,
}

impl Scope {
    pub(super) const SERVICE: &str = "execute-api";
    pub(super) const TERMINATOR: &str = "aws4_request";
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}/{}",
            self.date,
            self.region,
            Self::SERVICE,
            Self::TERMINATOR
        )
    }
}

impl Authorization {
    /// The signature among these headers. What the header says is not repeated in errors.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let header = headers.get(AUTHORIZATION).ok_or_else(ApiError::no_such_operation)?;
        let text = header.to_str().unwrap_or_default();
        Self::parse(text).map_err(ApiError::incomplete_signature)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let members = text
            .strip_prefix(ALGORITHM)
            .filter(|rest| rest.starts_with([' ', '\t']))
            .ok_or_else(|| format!("Authorization header requires the algorithm {ALGORITHM}"))?;
        let member = |name: &str| {
            let mut members = members.split(',').filter_map(|member| member.trim().split_once('='));
            let (_, value) = members
                .find(|(key, _)| *key == name)
                .ok_or_else(|| format!("Authorization header requires '{name}' parameter."))?;
            Ok::<_, String>(value)
        };
        let (access_key_id, scope) = parse_credential(member("Credential")?)?;
        Ok(Self {
            access_key_id,
            scope,
            signed_headers: member("SignedHeaders")?.to_owned(),
            signature: parse_signature(member("Signature")?)?,
        })
    }
}

fn parse_credential(text: &str) -> Result<(String, Scope), String> {
    // From the right: nobody says that the id of a key has no slash.
    let parts: Vec<&str> = text.rsplitn(5, '/').collect();
    let [terminator, service, region, date, access_key_id] = parts[..] else {
        return Err(
            "Credential must have the form <access key id>/<date>/<region>/execute-api/aws4_request".to_owned(),
        );
    };
    for (name, value, expected) in [
        ("service", service, Scope::SERVICE),
        ("terminator", terminator, Scope::TERMINATOR),
    ] {
        if value != expected {
            return Err(format!("Credential should be scoped to correct {name}: '{expected}'."));
        }
    }
    let scope = Scope {
        date: date.to_owned(),
        region: region.to_owned(),
    };
    Ok((access_key_id.to_owned(), scope))
}

fn parse_signature(text: &str) -> Result<[u8; 32], String> {
    let mut signature = [0; 32];
    hex::decode_to_slice(text, &mut signature).map_err(|_| "Signature must be 64 hexadecimal digits".to_owned())?;
    Ok(signature)
}
