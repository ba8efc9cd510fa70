//! The program as a whole: with every subject that needs no comparison to be of use, all that is sent arrives.
#![allow(clippy::unwrap_used)] // Functions beside the tests are no tests to clippy.

use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_otlp-bench")).args(["--quick", "--rounds", "1"]).args(arguments).output().unwrap()
}

/// The rows of a JSON report as (subject, sent, delivered).
fn deliveries(output: &Output) -> Vec<(String, u64, u64)> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = report["rows"].as_array().unwrap();
    rows.iter()
        .map(|row| {
            let count = |name: &str| row[name].as_u64().unwrap();
            (row["subject"].as_str().unwrap().to_owned(), count("sent"), count("delivered"))
        })
        .collect()
}

#[test]
fn log_records_of_all_subjects_arrive() {
    let rows = deliveries(&bench(&["--json", "--workload", "logs"]));
    for subject in ["ours-grpc", "ours-http", "otel-grpc", "otel-http", "floor"] {
        assert_eq!(rows.iter().filter(|row| row.0 == subject).count(), 2, "{rows:?}");
    }
    assert!(rows.iter().all(|(_, sent, delivered)| *sent > 0 && sent == delivered), "{rows:?}");
}

#[test]
fn every_series_of_a_collection_arrives() {
    let rows = deliveries(&bench(&["--json", "--workload", "collect", "--subject", "ours-grpc", "--subject", "floor"]));
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|(_, sent, delivered)| sent % 11_000 == 0 && sent == delivered), "{rows:?}");
}

#[test]
fn a_table_names_the_subjects_and_unmeasured_budgets() {
    let output = bench(&["--workload", "transport"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("tonic-channel") && text.contains("hyper-http2") && text.contains("process CPU ns"),
        "{text}"
    );
}

#[test]
fn an_unknown_workload_is_refused_with_the_known_ones() {
    let output = bench(&["--workload", "tracing"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("traces"));
}
