//! Figures as a table for people and as JSON for programs.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde_json::{Map, Value, json};

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Count,
    PerSecond,
    Milliseconds,
    Seconds,
    Microseconds,
    Kibibytes,
    Mebibytes,
    /// Processors that were busy on average.
    Processors,
}

impl Unit {
    /// What ends a figure's name.
    fn suffix(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::PerSecond => "_per_s",
            Self::Milliseconds => "_ms",
            Self::Seconds => "_s",
            Self::Microseconds => "_us",
            Self::Kibibytes => "_kib",
            Self::Mebibytes => "_mib",
            Self::Processors => "_cores",
        }
    }
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    name: String,
    unit: Unit,
    value: f64,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, unit: Unit, value: f64) -> Self {
        Self {
            name: name.into(),
            unit,
            value,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "nothing is counted up to 2^52")]
    pub(crate) fn count(name: impl Into<String>, count: usize) -> Self {
        Self::new(name, Unit::Count, count as f64)
    }

    /// Its name with the unit.
    pub(crate) fn label(&self) -> String {
        format!("{}{}", self.name, self.unit.suffix())
    }

    /// Its value with as many decimals as are worth reading.
    fn text(&self) -> String {
        match self.unit {
            Unit::Count => format!("{:.0}", self.value),
            Unit::PerSecond | Unit::Microseconds => format!("{:.1}", self.value),
            Unit::Kibibytes | Unit::Mebibytes => format!("{:.2}", self.value),
            Unit::Milliseconds | Unit::Seconds | Unit::Processors => format!("{:.3}", self.value),
        }
    }
}

/// What was measured at one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    pub(crate) figures: Vec<Figure>,
    /// How often something failed, by its code.
    pub(crate) errors: BTreeMap<String, usize>,
    /// What the reader must know to believe the figures.
    pub(crate) notes: Vec<String>,
}

impl Report {
    /// A figure's value, by its name with the unit.
    pub(crate) fn value(&self, label: &str) -> Option<f64> {
        self.figures
            .iter()
            .find(|figure| figure.label() == label)
            .map(|figure| figure.value)
    }

    fn json(&self) -> Value {
        let figures: Map<String, Value> = self
            .figures
            .iter()
            .map(|figure| (figure.label(), json!(figure.value)))
            .collect();
        json!({ "figures": figures, "errors": self.errors, "notes": self.notes })
    }
}

/// One server's report, or two side by side.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    pub(crate) server: Report,
    /// The server that it is compared with.
    pub(crate) other: Option<Report>,
}

impl Comparison {
    /// As a document, with the settings it was measured with. Ratios are the server's figures by the other's.
    pub(crate) fn json(&self, settings: &Value) -> Value {
        let mut document = json!({ "settings": settings, "server": self.server.json() });
        if let Some(other) = &self.other {
            document["other"] = other.json();
            let ratios = self.server.figures.iter().filter_map(|figure| {
                let label = figure.label();
                let ratio = ratio(figure.value, other.value(&label)?)?;
                Some((label, json!(ratio)))
            });
            document["ratios"] = Value::Object(ratios.collect());
        }
        document
    }

    /// All figures' names, the server's first.
    fn labels(&self) -> Vec<String> {
        let mut labels: Vec<String> = self.server.figures.iter().map(Figure::label).collect();
        for figure in self.other.iter().flat_map(|other| &other.figures) {
            if !labels.contains(&figure.label()) {
                labels.push(figure.label());
            }
        }
        labels
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.other.is_some() {
            writeln!(formatter, "{:<42}{:>14}{:>14}{:>10}", "", "server", "other", "ratio")?;
        }
        for label in self.labels() {
            write!(formatter, "{label:<42}{:>14}", text(&self.server, &label))?;
            if let Some(other) = &self.other {
                write!(formatter, "{:>14}", text(other, &label))?;
                let values = self.server.value(&label).zip(other.value(&label));
                match values.and_then(|(server, other)| ratio(server, other)) {
                    Some(ratio) => write!(formatter, "{ratio:>10.3}")?,
                    None => write!(formatter, "{:>10}", "-")?,
                }
            }
            writeln!(formatter)?;
        }
        write_remarks(formatter, "", &self.server)?;
        self.other
            .iter()
            .try_for_each(|other| write_remarks(formatter, "other: ", other))
    }
}

/// Errors and notes, a line each.
fn write_remarks(formatter: &mut fmt::Formatter<'_>, whose: &str, report: &Report) -> fmt::Result {
    for (code, count) in &report.errors {
        writeln!(formatter, "{whose}error {code}: {count}")?;
    }
    for note in &report.notes {
        writeln!(formatter, "{whose}note: {note}")?;
    }
    formatter.write_char('\n')
}

fn text(report: &Report, label: &str) -> String {
    let figure = report.figures.iter().find(|figure| figure.label() == label);
    figure.map_or_else(|| "-".to_owned(), Figure::text)
}

/// `None` where it would say nothing.
fn ratio(server: f64, other: f64) -> Option<f64> {
    (other > 0.0).then_some(server / other)
}

#[cfg(test)]
mod tests;
