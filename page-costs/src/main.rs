//! Shows that a page of each list costs the same however much the database holds: it fills two databases, has the product read its lists
//! from both, and compares what Postgres says that it looked at.
//!
//! - `cluster`: the Postgres, and what is in it; `lists`: what is read, by the product's own functions;
//! - `plan`: what Postgres logs of each statement; `cost`: what a list cost; `comparison`: whether two sizes cost the same.

mod cluster;
mod comparison;
mod cost;
mod lists;
mod plan;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use cluster::{Cluster, Size};
use comparison::Comparison;
use lists::List;

/// Why the costs could not be measured: to be printed.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Reads a page of each list from a small and a large database, and compares the blocks that Postgres looked at. Ends with 0 if a page
/// costs the same in both.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many messages the small database has.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(4_000..))]
    small: u32,
    /// How many messages the large database has.
    #[arg(long, default_value_t = 5_000_000, value_parser = clap::value_parser!(u32).range(4_000..))]
    large: u32,
    /// Does without this index (or `table.constraint`), to see that it would be noticed.
    #[arg(long)]
    without: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match execute(&Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether every list costs the same at both sizes.
async fn execute(arguments: &Arguments) -> Result<bool, Failure> {
    // Linked with TLS for the download of Postgres, the client wants a provider though nothing here uses TLS; a second call changes
    // nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = std::env::temp_dir().join(format!("confab-page-costs-{}", std::process::id()));
    let cluster = Cluster::start(&folder).await?;
    let comparisons = Box::pin(compare(&cluster, arguments)).await;
    cluster.stop().await?;

    let comparisons = comparisons?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", comparison::HEAD)?;
    for comparison in &comparisons {
        writeln!(out, "{comparison}")?;
    }
    Ok(comparisons.iter().all(Comparison::is_equal))
}

async fn compare(cluster: &Cluster, arguments: &Arguments) -> Result<Vec<Comparison>, Failure> {
    let without = arguments.without.as_deref();
    let small = cluster.fill("small", Size::of(arguments.small), without).await?;
    let large = cluster.fill("large", Size::of(arguments.large), without).await?;
    let mut comparisons = Vec::new();
    for list in List::ALL {
        comparisons.push(Comparison {
            list,
            small: cost::measure(&small, list).await?,
            large: cost::measure(&large, list).await?,
        });
    }
    Ok(comparisons)
}
