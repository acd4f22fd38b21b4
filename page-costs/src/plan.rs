//! What Postgres logs of the statements that it runs (`auto_explain`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Failure;

/// Has the sessions that begin from now on log the plan of each of their statements, with what it looked at; `nested`: those within SQL
/// functions too.
pub(crate) fn log_plans(database: &str, nested: bool) -> String {
    [
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_analyze", "on"),
        ("auto_explain.log_buffers", "on"),
        ("auto_explain.log_timing", "off"),
        ("auto_explain.log_format", "json"),
        ("auto_explain.log_nested_statements", if nested { "on" } else { "off" }),
    ]
    .map(|(name, value)| format!("alter database {database} set {name} = '{value}';"))
    .concat()
}

/// A server's log, from a point on.
pub(crate) struct Log {
    path: PathBuf,
    from: u64,
}

impl Log {
    /// From its present end on.
    pub(crate) fn at_end(path: &Path) -> Result<Self, Failure> {
        let from = path.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            from,
        })
    }

    /// The plans that were logged since. A statement's is written before its result is sent.
    pub(crate) fn plans(&self) -> Result<Vec<Plan>, Failure> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.from))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        plans(&text)
    }
}

/// The plans in a log: each begins after a line that ends with `plan:`, and its lines with a tab.
fn plans(log: &str) -> Result<Vec<Plan>, Failure> {
    let mut plans = Vec::new();
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim_end().ends_with("plan:") {
            let mut json = String::new();
            while let Some(line) = lines.next_if(|line| line.starts_with('\t')) {
                json.push_str(line);
            }
            plans.push(Plan(serde_json::from_str(&json)?));
        }
    }
    Ok(plans)
}

/// How a statement was run.
#[derive(Debug)]
pub(crate) struct Plan(Value);

impl Plan {
    /// The blocks of tables and indexes that it looked at, in memory or not, with those of the functions that it called.
    pub(crate) fn blocks(&self) -> u64 {
        let root = &self.0["Plan"];
        ["Shared Hit Blocks", "Shared Read Blocks"]
            .iter()
            .filter_map(|kind| root[kind].as_u64())
            .sum()
    }

    /// How often it looked something up in each index.
    pub(crate) fn lookups(&self) -> BTreeMap<String, u64> {
        let mut lookups = BTreeMap::new();
        count_lookups(&self.0["Plan"], &mut lookups);
        lookups
    }
}

fn count_lookups(node: &Value, lookups: &mut BTreeMap<String, u64>) {
    if let (Some(index), Some(loops)) = (node["Index Name"].as_str(), node["Actual Loops"].as_u64()) {
        *lookups.entry(index.to_owned()).or_default() += loops;
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        count_lookups(child, lookups);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plans_of_a_log_are_read_with_what_they_looked_at() {
        let log = "2026-01-01 LOG:  something else\n\
            2026-01-01 LOG:  duration: 0.1 ms  plan:\n\
            \t{\n\
            \t  \"Query Text\": \"select\\n 1\",\n\
            \t  \"Plan\": {\"Shared Hit Blocks\": 7, \"Shared Read Blocks\": 2, \"Plans\": [\n\
            \t    {\"Index Name\": \"a\", \"Actual Loops\": 3, \"Shared Hit Blocks\": 6},\n\
            \t    {\"Plans\": [{\"Index Name\": \"a\", \"Actual Loops\": 1}, {\"Index Name\": \"b\", \"Actual Loops\": 0}]}\n\
            \t  ]}\n\
            \t}\n\
            2026-01-01 LOG:  the end\n";
        let plans = plans(log).unwrap();
        assert_eq!(plans.len(), 1);
        assert_eq!(plans[0].blocks(), 9);
        assert_eq!(
            plans[0].lookups(),
            BTreeMap::from([("a".to_owned(), 4), ("b".to_owned(), 0)])
        );
    }
}
