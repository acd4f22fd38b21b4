//! What the report says of servers that do right and wrong.

use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::process::Command;

use crate::fake_server::{self, Faults};

/// Runs the program for 200 messages, 100 of them measured; returns the report, and what it printed. It waits long for what is late, but
/// ends once everything has come: where something is lost, tests set `--drain` anew.
async fn bench(base: &str, more: &[&str]) -> (Value, Output) {
    static REPORTS: AtomicUsize = AtomicUsize::new(0);
    let number = REPORTS.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("confab-bench-{}-{number}.json", std::process::id()));
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args([
            "--base",
            base,
            "--users",
            "20",
            "--rate",
            "200",
            "--secs",
            "0.5",
            "--warm-up",
            "0.5",
            "--drain",
            "30",
        ])
        .args(more)
        .arg("--json")
        .arg(&file)
        .output()
        .await
        .unwrap();
    let report = std::fs::read(&file).map_or(Value::Null, |json| serde_json::from_slice(&json).unwrap());
    let _ = std::fs::remove_file(&file);
    (report, output)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_server_that_does_right_has_every_message_delivered_once() {
    let base = fake_server::start(Faults::default()).await;
    let own = std::process::id().to_string();
    let (report, output) = bench(&base, &["--pid", &own]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));

    let figures = &report["server"]["figures"];
    for (figure, expected) in [
        ("sent", 200.0),
        ("delivered", 200.0),
        ("echoed", 200.0),
        ("measured_messages", 100.0),
        ("lost", 0.0),
        ("repeated", 0.0),
        ("refused", 0.0),
        ("unsent", 0.0),
    ] {
        assert_eq!(figures[figure], expected, "{figure}: {report:#}");
    }
    assert_eq!(report["server"]["errors"], serde_json::json!({}));
    let (p50, p99) = (&figures["delivered_p50_ms"], &figures["delivered_p99_ms"]);
    assert!(
        p50.as_f64().unwrap() > 0.0 && p99.as_f64() >= p50.as_f64(),
        "{report:#}"
    );
    assert!(figures["server_memory_mib"].as_f64().unwrap() > 1.0, "{report:#}");
    let table = text(&output.stdout);
    assert!(
        table.lines().any(|line| line.split_whitespace().eq(["sent", "200"])),
        "{table}"
    );
}

#[tokio::test]
async fn lost_repeated_and_refused_messages_are_counted() {
    let faults = Faults {
        loses: Some(10),
        repeats: Some(7),
        refuses: Some(40),
        ..Faults::default()
    };
    let base = fake_server::start(faults).await;
    let (report, _) = bench(&base, &["--drain", "3"]).await;
    let figures = &report["server"]["figures"];
    // Of 200: each 40th is refused (5), each other 10th lost (15) but for those that the repeat brings after all (70, 140).
    assert_eq!(figures["refused"], 5.0, "{report:#}");
    assert_eq!(report["server"]["errors"]["rate_limited"], 5, "{report:#}");
    assert_eq!(figures["lost"], 13.0, "{report:#}");
    // Each 7th (28) comes twice, but for those two.
    assert_eq!(figures["repeated"], 26.0, "{report:#}");
    assert_eq!(figures["echoed"], 195.0, "{report:#}");
}

#[tokio::test]
async fn two_servers_are_measured_in_the_same_run() {
    let right = fake_server::start(Faults::default()).await;
    let wrong = fake_server::start(Faults {
        loses: Some(2),
        ..Faults::default()
    })
    .await;
    let (report, output) = bench(&right, &["--other-base", &wrong, "--drain", "3"]).await;
    assert_eq!(report["server"]["figures"]["delivered"], 200.0, "{report:#}");
    assert_eq!(report["other"]["figures"]["delivered"], 100.0, "{report:#}");
    assert_eq!(report["ratios"]["delivered"], 2.0, "{report:#}");
    let table = text(&output.stdout);
    let words = ["delivered", "200", "100", "2.000"];
    assert!(table.lines().any(|line| line.split_whitespace().eq(words)), "{table}");
}

#[tokio::test]
async fn the_knee_of_a_server_that_loses_messages_is_not_found() {
    let base = fake_server::start(Faults {
        loses: Some(5),
        ..Faults::default()
    })
    .await;
    let (report, _) = bench(&base, &["--find-knee", "--rate", "20", "--drain", "0.5"]).await;
    assert_eq!(report["server"]["figures"]["knee_per_s"], 0.0, "{report:#}");
}

#[tokio::test]
async fn a_server_that_asks_to_wait_is_waited_for() {
    let faults = Faults {
        limits: true,
        ..Faults::default()
    };
    let base = fake_server::start(faults).await;
    let (report, output) = bench(&base, &[]).await;
    assert_eq!(report["server"]["figures"]["delivered"], 200.0, "{report:#}");
    assert!(
        text(&output.stderr).contains("GET /users/me was answered with 429; waiting 1 s"),
        "{output:?}"
    );
}

#[tokio::test]
async fn idle_sockets_are_counted_and_looked_at_in_the_end() {
    let base = fake_server::start(Faults::default()).await;
    let (report, _) = bench(&base, &["--idle", "60"]).await;
    let figures = &report["server"]["figures"];
    assert_eq!(
        (&figures["open"], &figures["alive_at_the_end"]),
        (&60.0.into(), &60.0.into()),
        "{report:#}"
    );
}

#[tokio::test]
async fn a_server_without_an_answer_to_pings_is_said_to_have_none() {
    let base = fake_server::start(Faults {
        refuses: Some(1),
        ..Faults::default()
    })
    .await;
    let (report, _) = bench(&base, &["--ping", "3"]).await;
    assert_eq!(report["server"]["errors"]["rate_limited"], 3, "{report:#}");
    assert_eq!(report["server"]["figures"]["answers"], 0.0, "{report:#}");
}

#[tokio::test]
async fn where_no_server_is_the_error_says_so() {
    let (report, output) = bench("http://127.0.0.1:1", &[]).await;
    assert_eq!((report, output.status.code()), (Value::Null, Some(2)));
    let error = text(&output.stderr);
    assert!(
        error.contains("/auth/login failed") && error.contains("refused"),
        "{error}"
    );
}
