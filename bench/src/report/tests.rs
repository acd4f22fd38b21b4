use super::*;

fn report(sent: usize, p99: f64) -> Report {
    Report {
        figures: vec![
            Figure::count("sent", sent),
            Figure::new("delivered_p99", Unit::Milliseconds, p99),
            Figure::count("lost", 0),
        ],
        errors: BTreeMap::from([("rate_limited".to_owned(), 3)]),
        notes: vec!["a note".to_owned()],
    }
}

#[test]
fn a_table_has_every_figure_with_its_unit_and_every_error() {
    let comparison = Comparison {
        server: report(6000, 1.2345),
        other: None,
    };
    let table = comparison.to_string();
    let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["sent", "6000"]);
    assert_eq!(words[1], ["delivered_p99_ms", "1.234"]);
    assert!(
        table.contains("error rate_limited: 3") && table.contains("note: a note"),
        "{table}"
    );
}

#[test]
fn two_servers_stand_side_by_side_with_ratios_where_there_are_any() {
    let comparison = Comparison {
        server: report(6000, 2.0),
        other: Some(report(3000, 8.0)),
    };
    let table = comparison.to_string();
    let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[1], ["sent", "6000", "3000", "2.000"]);
    assert_eq!(words[2], ["delivered_p99_ms", "2.000", "8.000", "0.250"]);
    assert_eq!(words[3], ["lost", "0", "0", "-"]);

    let json = comparison.json(&json!({ "rate": 300 }));
    assert_eq!(json["ratios"]["delivered_p99_ms"], json!(0.25));
    assert_eq!(json["ratios"]["lost"], Value::Null);
    assert_eq!(json["server"]["figures"]["sent"], json!(6000.0));
    assert_eq!(json["server"]["errors"]["rate_limited"], json!(3));
    assert_eq!(json["settings"]["rate"], json!(300));
}

#[test]
fn a_figure_that_one_server_lacks_has_no_ratio() {
    let comparison = Comparison {
        server: Report::default(),
        other: Some(report(3000, 8.0)),
    };
    let table = comparison.to_string();
    assert!(
        table
            .lines()
            .any(|line| line.split_whitespace().eq(["sent", "-", "3000", "-"])),
        "{table}"
    );
}
