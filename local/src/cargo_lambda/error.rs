use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// Why functions don't run under `cargo lambda watch`.
#[derive(Debug, thiserror::Error)]
pub enum CargoLambdaError {
    /// The program is not there.
    #[error(
        "cargo-lambda is not on the PATH: install it with `pip install cargo-lambda`, or as https://www.cargo-lambda.info says"
    )]
    Missing,
    /// The program is there and can't be run.
    #[error("cargo-lambda can't be run: {0}")]
    Unusable(io::Error),
    /// There is no `cargo` to build with.
    #[error("cargo can't be run: {0}")]
    Cargo(io::Error),
    /// A function does not compile, or the template names one that has no binary.
    #[error("the functions can't be built ({0}): cargo says why above")]
    Build(ExitStatus),
    /// It ended at once.
    #[error("cargo lambda ended ({0}): it says why above")]
    Ended(ExitStatus),
    /// It runs and can't be reached.
    #[error("cargo lambda watch does not listen after {} seconds", .0.as_secs())]
    Silent(Duration),
}

impl CargoLambdaError {
    pub(super) fn from_spawn(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Unusable(error),
        }
    }
}
