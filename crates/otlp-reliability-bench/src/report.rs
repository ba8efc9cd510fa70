//! Prints what was measured: a table for each scene, in what the peers differ, the budgets; or all of it as JSON.

use std::{fmt::Write as _, io::Write as _};

use serde::Serialize;

use crate::{
    Failure,
    budgets::{ALLOCATIONS, OverBare, Verdict},
    case::{Promise, Scene, Side},
    rounds::{MOST_IN_LINE, Row},
};

const WIDTH: usize = 116;

/// Tables for people.
pub(crate) fn print_tables(rows: &[Row], verdicts: &[Verdict]) -> Result<(), Failure> {
    let mut text = String::new();
    for of_scene in rows.chunk_by(|left, right| left.scene == right.scene) {
        let Some(first) = of_scene.first() else { continue };
        let what = if first.scene == Scene::Rejected { "in all" } else { "over the bare call" };
        writeln!(text, "{}: ns per call {what}, least / median of the rounds", first.scene)?;
        table(&mut text, of_scene, rows)?;
        text.push('\n');
    }
    legend(&mut text, rows)?;
    budgets(&mut text, verdicts)?;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn table(text: &mut String, of_scene: &[Row], rows: &[Row]) -> Result<(), Failure> {
    let header = ["case", "least", "median", "allocations", "beside ours"].map(str::to_owned);
    let mut lines = vec![header];
    for row in of_scene {
        let figure = OverBare::of(row, rows);
        let beside = match row.side {
            Side::Bare | Side::Ours => String::new(),
            Side::Peer(peer) => {
                let ours =
                    of_scene.iter().find(|ours| ours.name == peer.beside).and_then(|ours| OverBare::of(ours, rows));
                let times = ours
                    .zip(figure)
                    .map_or("-".to_owned(), |(ours, figure)| format!("{:.1}x", figure.decisive() / ours.decisive()));
                let less = if peer.promise == Promise::Less { ", promises less" } else { "" };
                format!("{times} {}{less}", peer.beside)
            }
        };
        lines.push([
            row.name.to_owned(),
            figure.map_or("-".to_owned(), |figure| nanos(figure.least)),
            figure.map_or("-".to_owned(), |figure| nanos(figure.median)),
            row.allocations.map_or(String::new(), |count| format!("{count:.2}")),
            beside,
        ]);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    for [name, least, median, allocations, beside] in &lines {
        let line = format!(
            "  {name:<0$}  {least:>1$}  {median:>2$}  {allocations:>3$}  {beside}",
            widths[0], widths[1], widths[2], widths[3]
        );
        writeln!(text, "{}", line.trim_end())?;
    }
    Ok(())
}

fn nanos(value: f64) -> String {
    if value.abs() < 1_000.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// In what each peer differs from the case of ours that it stands beside, once for each.
fn legend(text: &mut String, rows: &[Row]) -> Result<(), Failure> {
    writeln!(text, "in what the peers differ")?;
    let mut told = Vec::new();
    for row in rows {
        let Side::Peer(peer) = row.side else { continue };
        if told.contains(&(row.name, peer.differs)) {
            continue;
        }
        told.push((row.name, peer.differs));
        let mut line = format!("  {} (beside {}):", row.name, peer.beside);
        for word in peer.differs.split_whitespace() {
            if line.len() + word.len() >= WIDTH {
                writeln!(text, "{line}")?;
                line = "   ".to_owned();
            }
            write!(line, " {word}")?;
        }
        writeln!(text, "{line}")?;
    }
    text.push('\n');
    Ok(())
}

fn budgets(text: &mut String, verdicts: &[Verdict]) -> Result<(), Failure> {
    writeln!(text, "budgets (of the least; in brackets of the median)")?;
    let (allocations, others): (Vec<_>, Vec<_>) = verdicts.iter().partition(|verdict| verdict.budget == ALLOCATIONS);
    for verdict in others.iter().chain(allocations.iter().filter(|verdict| verdict.is_exceeded())) {
        write!(text, "  {}; {}: {} <= {}: ", verdict.scene, verdict.name, verdict.budget, verdict.limit)?;
        let digits = if verdict.limit > 1.0 { 1 } else { 3 };
        match (verdict.measured, verdict.median, verdict.is_met()) {
            (Some(measured), Some(median), Some(is_met)) => {
                write!(text, "{measured:.digits$} ({median:.digits$}) ")?;
                match (is_met, verdict.is_exceeded()) {
                    (true, _) => writeln!(text, "ok")?,
                    (false, true) => writeln!(text, "OVER")?,
                    (false, false) => writeln!(text, "over, gates from {} on", verdict.gate)?,
                }
            }
            _ => writeln!(
                text,
                "not measured: in each round, more than {MOST_IN_LINE} of the time was waiting for a core"
            )?,
        }
    }
    let met = allocations.iter().filter(|verdict| verdict.is_met() == Some(true)).count();
    writeln!(text, "  {ALLOCATIONS} of ours: {met} of {} cases keep their budget", allocations.len())?;
    Ok(())
}

#[derive(Serialize)]
struct Report<'a> {
    rows: Vec<RowReport>,
    budgets: &'a [Verdict],
}

#[derive(Serialize)]
struct RowReport {
    scene: Scene,
    name: &'static str,
    is_ours: bool,
    beside: Option<&'static str>,
    promise: Option<Promise>,
    /// Nanoseconds on a core per call, the bare call included.
    least_ns: Option<f64>,
    median_ns: Option<f64>,
    allocations: Option<f64>,
}

/// The same for machines.
pub(crate) fn print_json(rows: &[Row], verdicts: &[Verdict]) -> Result<(), Failure> {
    let rows = rows.iter().map(|row| {
        let peer = if let Side::Peer(peer) = row.side { Some(peer) } else { None };
        RowReport {
            scene: row.scene,
            name: row.name,
            is_ours: matches!(row.side, Side::Ours),
            beside: peer.map(|peer| peer.beside),
            promise: peer.map(|peer| peer.promise),
            least_ns: row.least(),
            median_ns: row.median(),
            allocations: row.allocations,
        }
    });
    let mut stdout = std::io::stdout();
    serde_json::to_writer_pretty(&mut stdout, &Report { rows: rows.collect(), budgets: verdicts })?;
    writeln!(stdout)?;
    Ok(())
}
