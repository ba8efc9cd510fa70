//! Shows what is in a queue. Nothing is changed, and nothing but headers is read.

use std::{
    io::Write,
    time::{Duration, SystemTime},
};

use otlp_batch::{Inspection, WaitingSignal};

use super::{
    Failure, Where, directories,
    quantity::{bytes, count, duration},
};

pub(super) fn run(queue: &Where, output: &mut impl Write) -> Result<bool, Failure> {
    let key = queue.key()?;
    for directory in directories::find(&queue.directory)? {
        show(&Inspection::of(directory, key.clone())?, output)?;
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
    writeln!(
        output,
        "  kept aside    {}",
        match inspection.set_aside() {
            0 => "nothing".to_owned(),
            files => {
                let directory = inspection.directory().join("damaged");
                format!("{} in {}", count(files as u64, "damaged file", "damaged files"), directory.display())
            }
        }
    )?;
    writeln!(
        output,
        "  dead letters  {}",
        match inspection.dead_letters() {
            None => "none".to_owned(),
            Some(directory) => {
                let letters = Inspection::of(&directory, None)?;
                let batches: u64 = letters.signals().iter().map(|one| one.batches).sum();
                let items: u64 = letters.signals().iter().map(|one| one.items).sum();
                format!("{} that a receiver refused, in {}", batches_of(batches, items), directory.display())
            }
        }
    )?;
    Ok(())
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
    // A clock that was set back meanwhile makes nothing younger than new.
    let age = |at: Option<SystemTime>| at.and_then(|at| now.duration_since(at).ok()).unwrap_or(Duration::ZERO);
    let batches = batches_of(one.batches, one.items);
    let (oldest, newest) = (duration(age(one.oldest)), duration(age(one.newest)));
    format!("{batches}, {}, {oldest} to {newest} old{missing}", bytes(one.bytes))
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
