//! Shows what is in a queue. Nothing is changed, and nothing but headers is read.

use std::{
    io::Write,
    time::{Duration, SystemTime},
};

use clap::Args;
use otlp_batch::{Inspection, WaitingSignal};
use serde_json::{Value, json};

use super::{
    Failure, Where, directories,
    quantity::{bytes, count, duration},
};

/// What `otlp queue inspect` takes.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    queue: Where,
    /// Print a line of JSON for each queue
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, output: &mut impl Write) -> Result<bool, Failure> {
    let key = arguments.queue.key()?;
    for directory in directories::find(&arguments.queue.directory)? {
        let inspection = Inspection::of(directory, key.clone())?;
        if arguments.json {
            writeln!(output, "{}", as_json(&inspection, SystemTime::now()))?;
        } else {
            show(&inspection, output)?;
        }
    }
    Ok(true)
}

fn show(inspection: &Inspection, output: &mut impl Write) -> Result<(), Failure> {
    writeln!(output, "{}", inspection.directory().display())?;
    writeln!(output, "  in use by     {}", inspection.holder().unwrap_or("nobody"))?;
    for one in inspection.signals() {
        writeln!(output, "  {:<13} {}", one.signal.name(), waiting(one, SystemTime::now()))?;
    }
    let segments = inspection.segments();
    let all: u64 = segments.iter().map(|segment| segment.bytes).sum();
    writeln!(output, "  segments      {}, {}", count(segments.len() as u64, "file", "files"), bytes(all))?;
    for segment in segments {
        let name = segment.path.file_name().unwrap_or_default().to_string_lossy();
        let waiting = count(segment.waiting_batches, "batch waits", "batches wait");
        write!(output, "    {name}  {}, {waiting}", bytes(segment.bytes))?;
        if segment.damaged_bytes > 0 {
            write!(output, ", {} damaged", bytes(segment.damaged_bytes))?;
        }
        writeln!(output, "{}", if segment.is_encrypted { ", encrypted" } else { "" })?;
    }
    writeln!(output, "  damage        {}", damage(inspection))?;
    writeln!(output, "  kept aside    {}", kept_aside(inspection))?;
    writeln!(output, "  dead letters  {}", dead_letters(inspection)?)?;
    Ok(())
}

fn kept_aside(inspection: &Inspection) -> String {
    if inspection.set_aside() == 0 {
        return "nothing".to_owned();
    }
    let files = count(inspection.set_aside() as u64, "damaged file", "damaged files");
    format!("{files} in {}", inspection.directory().join("damaged").display())
}

fn dead_letters(inspection: &Inspection) -> Result<String, Failure> {
    let letters = inspection.dead_letters().map(|directory| Inspection::of(directory, None)).transpose()?;
    let sum = |of: fn(&WaitingSignal) -> u64| letters.iter().flat_map(Inspection::signals).map(of).sum();
    let (batches, items) = (sum(|one| one.batches), sum(|one| one.items));
    Ok(match &letters {
        Some(letters) if batches > 0 => {
            format!("{} that a receiver refused, in {}", batches_of(batches, items), letters.directory().display())
        }
        _ => "none".to_owned(),
    })
}

/// `2 batches with 30 items`.
pub(super) fn batches_of(batches: u64, items: u64) -> String {
    format!("{} with {}", count(batches, "batch", "batches"), count(items, "item", "items"))
}

fn waiting(one: &WaitingSignal, now: SystemTime) -> String {
    let missing = match one.missing_items {
        0 => String::new(),
        missing => format!("; {} missing", count(missing, "item", "items")),
    };
    if one.batches == 0 {
        return format!("nothing waits{missing}");
    }
    let batches = batches_of(one.batches, one.items);
    let (oldest, newest) = (duration(age(one.oldest, now)), duration(age(one.newest, now)));
    format!("{batches}, {}, {oldest} to {newest} old{missing}", bytes(one.bytes))
}

/// A clock that was set back meanwhile makes nothing younger than new.
fn age(at: Option<SystemTime>, now: SystemTime) -> Duration {
    at.and_then(|at| now.duration_since(at).ok()).unwrap_or(Duration::ZERO)
}

/// For programs. What has no batches has no age.
fn as_json(inspection: &Inspection, now: SystemTime) -> Value {
    let seconds = |at: Option<SystemTime>| at.map(|_| age(at, now).as_secs_f64());
    let signal = |signal: &WaitingSignal| {
        json!({
            "signal": signal.signal.name(),
            "batches": signal.batches,
            "items": signal.items,
            "bytes": signal.bytes,
            "oldestSeconds": seconds(signal.oldest),
            "newestSeconds": seconds(signal.newest),
            "missingItems": signal.missing_items,
        })
    };
    let segments = inspection.segments();
    json!({
        "directory": inspection.directory(),
        "holder": inspection.holder(),
        "signals": inspection.signals().iter().map(signal).collect::<Vec<_>>(),
        "files": segments.len(),
        "fileBytes": segments.iter().map(|segment| segment.bytes).sum::<u64>(),
        "encryptedFiles": segments.iter().filter(|segment| segment.is_encrypted).count(),
        "damagedBytes": segments.iter().map(|segment| segment.damaged_bytes).sum::<u64>(),
        "isCursorLost": inspection.is_cursor_lost(),
        "setAside": inspection.set_aside(),
        "deadLetters": inspection.dead_letters(),
    })
}

fn damage(inspection: &Inspection) -> String {
    let damaged: u64 = inspection.segments().iter().map(|segment| segment.damaged_bytes).sum();
    let missing: u64 = inspection.signals().iter().map(|signal| signal.missing_items).sum();
    let mut parts = Vec::new();
    if damaged > 0 {
        parts.push(format!("{} that are no batch", bytes(damaged)));
    }
    if missing > 0 {
        parts.push(format!("{} missing", count(missing, "item", "items")));
    }
    if inspection.is_cursor_lost() {
        parts.push("the cursor is lost, so what was delivered last will be delivered again".to_owned());
    }
    if parts.is_empty() { "none seen; `otlp queue verify` reads everything".to_owned() } else { parts.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_younger_than_new() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        assert_eq!(age(Some(now - Duration::from_secs(3)), now), Duration::from_secs(3));
        assert_eq!(age(Some(now + Duration::from_secs(3)), now), Duration::ZERO);
    }
}
