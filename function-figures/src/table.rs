//! The figures as a table: a line for each function. Times are medians, most with the 90th percentile in parentheses.

use std::iter::once;
use std::time::Duration;

use crate::database::Way;
use crate::figures::{FIRST_TARGET, Figures, MEMORY_TARGET, START_TARGET, ZIP_TARGET};
use crate::sample::Sample;

/// A column's width, and what stands in it.
type Cell = (usize, String);

/// What the columns are, where functions connect in these ways.
pub(crate) fn head(ways: &[Way]) -> String {
    let firsts = ways.iter().map(|way| time(format!("first, {}", way.name)));
    let cells = once(time("start"))
        .chain(firsts)
        .chain([time("warm"), processor("CPU: start, first, warm")])
        .chain(["MB: start", "at work", "binary", "zip"].map(size));
    row("ms: median (p90)", cells)
}

/// A function's figures.
pub(crate) fn line(figures: &Figures) -> String {
    let firsts = figures.firsts.iter().map(|first| time(times(&first.elapsed)));
    let cells = once(time(times(&figures.start.elapsed)))
        .chain(firsts)
        .chain([time(times(&figures.warm.elapsed)), processor(processor_times(figures))])
        .chain(
            [
                figures.memory_at_start,
                figures.memory_at_work,
                figures.size.binary,
                figures.size.zip,
            ]
            .map(|bytes| size(megabytes(bytes))),
        );
    row(&figures.name, cells)
}

/// What the medians and sizes are to be.
pub(crate) fn targets(ways: &[Way]) -> String {
    let firsts = ways.iter().map(|_| time(format!("<= {}*", milliseconds(FIRST_TARGET))));
    let memory = format!("< {}", megabytes(MEMORY_TARGET));
    let sizes = [
        memory.clone(),
        format!("{memory}*"),
        String::new(),
        format!("< {}", megabytes(ZIP_TARGET)),
    ];
    let cells = once(time(format!("<= {}", milliseconds(START_TARGET))))
        .chain(firsts)
        .chain([time(""), processor("")])
        .chain(sizes.map(size));
    let line = row("targets", cells);
    format!("{line}\n* login and register: beside their hash, that is a warm invocation, and its 19.9 MB")
}

fn row(name: &str, cells: impl Iterator<Item = Cell>) -> String {
    cells.fold(format!("{name:<16}"), |row, (width, cell)| {
        row + &format!("{cell:>width$}")
    })
}

fn time(text: impl Into<String>) -> Cell {
    (18, text.into())
}

fn processor(text: impl Into<String>) -> Cell {
    (25, text.into())
}

fn size(text: impl Into<String>) -> Cell {
    (10, text.into())
}

/// Of the start, a first invocation and a later one. The last way to connect is the one that a deployment has.
fn processor_times(figures: &Figures) -> String {
    let first = figures.firsts.last().map(|first| first.processor.median());
    let times = [
        figures.start.processor.median(),
        first.unwrap_or_default(),
        figures.warm.processor.median(),
    ];
    times.map(milliseconds).join(", ")
}

fn times(sample: &Sample) -> String {
    format!("{} ({})", milliseconds(sample.median()), milliseconds(sample.p90()))
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1_000.0)
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{}", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::tests::figures;

    #[test]
    fn a_line_has_all_figures_in_the_order_of_the_head() {
        let line = line(&figures("profile"));
        let words: Vec<_> = line.split_whitespace().collect();
        let expected = "profile 10.0 (10.0) 30.0 (30.0) 40.0 (40.0) 25.0 (25.0) 2.0, 4.0, 1.0 6.0 19.9 7.0 3.9";
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn the_columns_of_all_lines_end_in_the_same_place() {
        let ways = ["plain", "TLS"].map(|name| Way {
            name,
            url: String::new(),
            direct_url: String::new(),
        });
        let targets = targets(&ways);
        let targets = targets.lines().next().unwrap();
        let (head, line) = (head(&ways), line(&figures("conversations")));
        assert_eq!(
            (head.len(), line.len()),
            (line.len(), targets.len()),
            "\n{head}\n{line}\n{targets}"
        );
    }
}
