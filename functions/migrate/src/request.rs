//! What `CloudFormation` asks for.

use aws_lambda_events::cloudformation::CloudFormationCustomResourceRequest;
use serde::{Deserialize, Serialize};

/// An event of the custom resource.
pub type Request = CloudFormationCustomResourceRequest<Properties, Properties>;

/// The properties of the resource in the template, as far as they count here.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Properties {
    /// The fingerprint of the migrations that the template was written for.
    #[serde(default)]
    pub migrations_hash: String,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Migrate,
    /// Nothing, for this reason.
    Nothing(&'static str),
}

/// What a request means to a function with migrations of the fingerprint `own`. Migrations go forward only, so a stack that is rolled
/// back, by whichever of the two releases' code, keeps the newer schema; and one that is deleted keeps its data.
pub(crate) fn task(request: &Request, own: &str) -> Result<Task, String> {
    let (wanted, before) = match request {
        Request::Create(create) => (&create.resource_properties, None),
        Request::Update(update) => (&update.resource_properties, Some(&update.old_resource_properties)),
        Request::Delete(_) => return Ok(Task::Nothing("the data outlives the stack")),
        _ => return Err("the function does not know this type of request".to_owned()),
    };
    if wanted.migrations_hash == own {
        Ok(Task::Migrate)
    } else if before.is_some_and(|before| before.migrations_hash == own) {
        Ok(Task::Nothing("rolled back: the newer schema stays"))
    } else {
        Err(format!(
            "the template's MigrationsHash is {:?}, but the function was built with the migrations {own:?}: set the one to the other",
            wanted.migrations_hash
        ))
    }
}
