//! The program as a whole. It refuses to report a case whose calls do not go as its scene says, so a run that ends well
//! has seen every breaker open, every failure pass and every call succeed where it should.
#![allow(clippy::unwrap_used)] // Functions beside the tests are no tests to clippy.

use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_otlp-reliability-bench"));
    command.args(["--quick", "--rounds", "1"]).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn every_case_is_measured_and_ours_allocate_nothing() {
    let report: serde_json::Value = serde_json::from_str(&text(&bench(&["--json"]))).unwrap();
    let rows = report["rows"].as_array().unwrap();
    for scene in ["success", "half_fails", "rejected", "two_threads"] {
        for is_ours in [true, false] {
            assert!(rows.iter().any(|row| row["scene"] == scene && row["is_ours"] == is_ours), "{scene}");
        }
    }
    for row in rows.iter().filter(|row| row["scene"] != "two_threads") {
        assert!(row["least_ns"].as_f64().unwrap() > 0.0, "{row}");
        // The retry layer boxes its attempts.
        let boxes = row["name"].as_str().unwrap().starts_with("layers: retry");
        assert!(row["is_ours"] == false || row["allocations"] == f64::from(boxes), "{row}");
    }
    // Boxed futures are counted, so the zeros above are zeros.
    assert!(rows.iter().any(|row| row["allocations"].as_f64().is_some_and(|count| count >= 1.0)));
}

#[test]
fn a_table_tells_in_what_the_peers_differ_and_whether_budgets_are_met() {
    let text = text(&bench(&["--only", "timeout"]));
    for part in
        ["tower: timeout", "in what the peers differ", "times tower: timeout <= 1", "allocations per call of ours"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("recloser"), "{text}");
}
