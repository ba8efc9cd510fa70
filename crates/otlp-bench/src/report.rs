//! Prints what was measured: a table for each workload, then the budgets; or all of it as JSON.

use std::{collections::BTreeMap, fmt::Write as _, io::Write as _};

use serde::Serialize;

use crate::{
    Failure,
    budgets::Verdict,
    catalogue::{Subject, Variant, Workload},
    rounds::Row,
    sample::Metric,
};

/// Tables for people.
pub(crate) fn print_tables(rows: &[Row], verdicts: &[Verdict]) -> Result<(), Failure> {
    let mut text = String::new();
    for of_case in rows.chunk_by(|left, right| left.case == right.case) {
        let Some(first) = of_case.first() else { continue };
        writeln!(text, "{} (per {}, least / median of the rounds)", first.case, first.case.workload.item())?;
        table(&mut text, of_case)?;
        text.push('\n');
    }
    if !verdicts.is_empty() {
        writeln!(text, "budgets (of the least; in brackets of the median)")?;
    }
    for verdict in verdicts {
        line(&mut text, verdict)?;
    }
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn table(text: &mut String, rows: &[Row]) -> Result<(), Failure> {
    let metrics: Vec<_> =
        Metric::ALL.into_iter().filter(|metric| rows.iter().any(|row| row.values.contains_key(metric))).collect();
    let mut cells = vec![vec!["subject".to_owned()]];
    cells[0].extend(metrics.iter().map(|&metric| heading(metric).to_owned()));
    cells[0].push("delivered/sent".to_owned());
    for row in rows {
        let mut line = vec![row.subject.to_string()];
        line.extend(metrics.iter().map(|&metric| match (row.min(metric), row.median(metric)) {
            (Some(min), Some(median)) => format_pair(metric, min, median),
            _ => "-".to_owned(),
        }));
        line.push(row.delivery.map_or("-".to_owned(), |items| format!("{}/{}", items.delivered, items.sent)));
        cells.push(line);
    }
    let widths: Vec<_> =
        (0..cells[0].len()).map(|column| cells.iter().map(|line| line[column].len()).max().unwrap_or(0)).collect();
    for line in &cells {
        for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            if column == 0 {
                write!(text, "  {cell:<width$}")?;
            } else {
                write!(text, "  {cell:>width$}")?;
            }
        }
        text.push('\n');
    }
    Ok(())
}

fn heading(metric: Metric) -> &'static str {
    match metric {
        Metric::CallSiteNs => "call site CPU ns",
        Metric::ProcessNs => "process CPU ns",
        Metric::Allocations => "allocations",
        Metric::P50Ns => "p50 ns",
        Metric::P99Ns => "p99 ns",
        Metric::P999Ns => "p99.9 ns",
        Metric::ResidentKib => "RSS MiB",
        Metric::PeakResidentKib => "peak RSS MiB",
    }
}

fn format_pair(metric: Metric, min: f64, median: f64) -> String {
    let (min, median) = (format_value(metric, min), format_value(metric, median));
    if min == median { min } else { format!("{min} / {median}") }
}

fn format_value(metric: Metric, value: f64) -> String {
    match metric {
        Metric::ResidentKib | Metric::PeakResidentKib => format!("{:.1}", value / 1024.0),
        Metric::Allocations if value < 100.0 => format!("{value:.3}"),
        _ if value < 100.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}

fn line(text: &mut String, verdict: &Verdict) -> Result<(), Failure> {
    let format = |value| if verdict.is_ratio { ratio(value) } else { format_value(verdict.metric, value) };
    write!(text, "  {}, {}: {} <= {}: ", verdict.case, heading(verdict.metric), verdict.budget, format(verdict.limit))?;
    match (verdict.measured, verdict.median, verdict.is_met()) {
        (Some(measured), Some(median), Some(is_met)) => {
            write!(text, "measured {} ({})", format(measured), format(median))?;
            text.push_str(match (is_met, verdict.gates) {
                (true, _) => " ok",
                (false, true) => " OVER",
                (false, false) => " over, gates nothing",
            });
        }
        _ => text.push_str("not measured"),
    }
    if let Some(floor) = verdict.floor {
        write!(text, "; the floor is at {}", ratio(floor))?;
    }
    text.push('\n');
    Ok(())
}

/// A ratio as people say it: below one as a part, above as a multiple.
fn ratio(value: f64) -> String {
    if value < 1.0 { format!("1/{:.1}", 1.0 / value) } else { format!("{value:.2}x") }
}

#[derive(Serialize)]
struct Report<'a> {
    rows: Vec<RowReport>,
    budgets: &'a [Verdict],
}

#[derive(Serialize)]
struct RowReport {
    workload: Workload,
    variant: Variant,
    subject: Subject,
    sent: Option<u64>,
    delivered: Option<u64>,
    metrics: BTreeMap<Metric, Spread>,
}

#[derive(Serialize)]
struct Spread {
    min: f64,
    median: f64,
}

/// The same for machines.
pub(crate) fn print_json(rows: &[Row], verdicts: &[Verdict]) -> Result<(), Failure> {
    let rows = rows.iter().map(|row| RowReport {
        workload: row.case.workload,
        variant: row.case.variant,
        subject: row.subject,
        sent: row.delivery.map(|items| items.sent),
        delivered: row.delivery.map(|items| items.delivered),
        metrics: Metric::ALL
            .into_iter()
            .filter_map(|metric| Some((metric, Spread { min: row.min(metric)?, median: row.median(metric)? })))
            .collect(),
    });
    let mut stdout = std::io::stdout();
    serde_json::to_writer_pretty(&mut stdout, &Report { rows: rows.collect(), budgets: verdicts })?;
    writeln!(stdout)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn ratios_read_as_people_say_them() {
        assert_eq!(super::ratio(1.0 / 9.1), "1/9.1");
        assert_eq!(super::ratio(1.5), "1.50x");
    }
}
