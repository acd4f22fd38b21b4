/// A table of the document.
pub(super) struct Table {
    /// The parts that somebody can have, by the heads of their columns.
    pub(super) who: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// A call or a frame in one case.
pub(super) struct Row {
    pub(super) action: String,
    pub(super) case: String,
    /// What each of them is answered.
    pub(super) cells: Vec<String>,
}

impl Table {
    /// The first table below a heading.
    pub(super) fn read(document: &str, heading: &str) -> Self {
        let (_, section) = document.split_once(&format!("\n## {heading}\n")).unwrap();
        let is_row = |line: &&str| line.starts_with('|');
        let mut rows = section
            .lines()
            .skip_while(|line| !is_row(line))
            .take_while(is_row)
            .map(cells);
        let head = rows.next().unwrap();
        let rows = rows.skip(1).map(|cells| {
            assert_eq!(cells.len(), head.len(), "{cells:?}");
            Row {
                action: cells[0].trim_matches('`').to_owned(),
                case: cells[1].clone(),
                cells: cells[2..].to_vec(),
            }
        });
        Self {
            rows: rows.collect(),
            who: head[2..].to_vec(),
        }
    }
}

fn cells(line: &str) -> Vec<String> {
    let cells = line.trim_matches('|').split('|');
    cells.map(|cell| cell.trim().to_owned()).collect()
}
