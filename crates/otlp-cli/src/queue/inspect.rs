//! `otlp queue inspect`: what waits in a queue.

use std::{
    io::{self, Write},
    time::{Duration, SystemTime},
};

use otlp_batch::{Inspection, WaitingSignal};
use serde_json::{Value, json};

use super::{Failure, Place, is_gone};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Print a line of JSON for each queue
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, Failure> {
    let now = SystemTime::now();
    for queue in arguments.place.queues()? {
        let inspection = arguments.place.inspect(&queue)?;
        let shown = if arguments.json { format!("{}\n", as_json(&inspection, now)) } else { as_text(&inspection, now) };
        match io::stdout().lock().write_all(shown.as_bytes()) {
            Err(error) if !is_gone(&error) => return Err(error.into()),
            _ => {}
        }
    }
    Ok(true)
}

fn as_text(inspection: &Inspection, now: SystemTime) -> String {
    let mut text = format!("{}\n", inspection.directory().display());
    if let Some(holder) = inspection.holder() {
        text += &format!("  in use by {holder}: what follows is already out of date\n");
    }
    for signal in inspection.signals() {
        text += &format!(
            "  {:<8} {} in {}, {} bytes{}\n",
            signal.signal.name(),
            count(signal.items, "item"),
            count(signal.batches, "batch"),
            signal.bytes,
            ages(signal, now)
        );
        if signal.missing_items > 0 {
            text += &format!("           {} more cannot be found\n", count(signal.missing_items, "item"));
        }
    }
    let segments = inspection.segments();
    let bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
    text += &format!("  {} of {bytes} bytes\n", count(segments.len() as u64, "file"));
    let encrypted = segments.iter().filter(|segment| segment.is_encrypted).count() as u64;
    if encrypted > 0 {
        text += &format!("  {} encrypted\n", count(encrypted, "file"));
    }
    let damaged: u64 = segments.iter().map(|segment| segment.damaged_bytes).sum();
    if damaged > 0 {
        text += &format!("  {} damaged, or cut off by a crash\n", count(damaged, "byte"));
    }
    if inspection.is_cursor_lost() && !segments.is_empty() {
        text += "  the cursor is lost: some of this may be delivered a second time\n";
    }
    if inspection.set_aside() > 0 {
        text += &format!("  {} set aside for damage\n", count(inspection.set_aside() as u64, "file"));
    }
    if let Some(directory) = inspection.dead_letters() {
        text += &format!("  what a receiver refused for good is in {}\n", directory.display());
    }
    text
}

fn as_json(inspection: &Inspection, now: SystemTime) -> Value {
    let seconds =
        |time: Option<SystemTime>| time.and_then(|time| now.duration_since(time).ok()).map(|age| age.as_secs_f64());
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

fn ages(signal: &WaitingSignal, now: SystemTime) -> String {
    match (signal.oldest, signal.newest) {
        (Some(oldest), Some(newest)) => format!(", put {} to {}", age(oldest, now), age(newest, now)),
        _ => String::new(),
    }
}

/// In the unit that a person would use. A clock that was turned back since may have put it into the future.
fn age(then: SystemTime, now: SystemTime) -> String {
    let Ok(age) = now.duration_since(then).map(|age: Duration| age.as_secs()) else {
        return "in the future".to_owned();
    };
    match age {
        0..120 => format!("{age} s ago"),
        120..7_200 => format!("{} min ago", age / 60),
        7_200..172_800 => format!("{} h ago", age / 3_600),
        _ => format!("{} days ago", age / 86_400),
    }
}

/// A number and its noun.
pub(super) fn count(number: u64, noun: &str) -> String {
    match (number, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "batch") => format!("{number} batches"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_in_the_unit_of_their_size() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000_000);
        let shown = |seconds| age(now - Duration::from_secs(seconds), now);
        assert_eq!([shown(0), shown(119), shown(120)], ["0 s ago", "119 s ago", "2 min ago"]);
        assert_eq!([shown(7_200), shown(400_000)], ["2 h ago", "4 days ago"]);
        assert_eq!(age(now + Duration::from_secs(1), now), "in the future");
    }
}
