//! What a page of a list costs.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use crate::Failure;
use crate::cluster::Filled;
use crate::lists::{List, Reader};
use crate::plan::{Log, Plan, log_plans};

/// How often a page is read, of which the last time counts: Postgres settles on a statement's plan with the sixth.
const ROUNDS: u8 = 7;

/// What a page of a list costs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Blocks of tables and indexes that were looked at.
    pub(crate) blocks: u64,
    /// How the indexes were used.
    pub(crate) indexes: BTreeMap<String, Use>,
}

/// How an index was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Use {
    /// How often something was looked up in it.
    pub(crate) lookups: u64,
    /// How many levels lie below its root: each look-up reads one block more.
    pub(crate) levels: u64,
}

/// What a page of the list costs.
pub(crate) async fn measure(filled: &Filled, list: List) -> Result<Cost, Failure> {
    // A statement's plan tells the blocks of the functions that it calls, but only the functions' own plans tell of which indexes.
    let outer = run(filled, list, false).await?;
    let all = run(filled, list, true).await?;
    let mut cost = Cost {
        blocks: outer.iter().map(Plan::blocks).sum(),
        indexes: BTreeMap::new(),
    };
    let sql = filled.connect().await?;
    sql.batch_execute("create extension if not exists pageinspect").await?;
    for (index, lookups) in all.iter().flat_map(Plan::lookups) {
        let levels = levels(&sql, &index).await?;
        cost.indexes.entry(index).or_insert(Use { lookups: 0, levels }).lookups += lookups;
    }
    Ok(cost)
}

/// Reads a page in a new session of the product's, and returns the plans of the last time.
async fn run(filled: &Filled, list: List, nested: bool) -> Result<Vec<Plan>, Failure> {
    let sql = filled.connect().await?;
    sql.batch_execute(&log_plans(&filled.name, nested)).await?;
    sql.batch_execute("truncate rate_limits").await?;
    let reader = Reader::new(&sql, filled.database()?).await?;
    // Only sessions that begin from here on log plans, and the reader's begins with its first page.
    let mut log = Log::at_end(&filled.log_file)?;
    for round in 0..ROUNDS {
        log = Log::at_end(&filled.log_file)?;
        reader.read(list, round).await?;
    }
    let plans = log.plans()?;
    if plans.is_empty() {
        return Err(format!("Postgres logged no plan of {list}").into());
    }
    Ok(plans)
}

async fn levels(sql: &Client, index: &str) -> Result<u64, Failure> {
    let row = sql
        .query_one("select level::bigint as level from bt_metap($1)", &[&index])
        .await?;
    Ok(u64::try_from(row.get::<_, i64>("level"))?)
}
