//! Says whether a queue is sound: all that waits is what was written, nothing is missing, and the cursor can be read.
//!
//! What a crash cut off at the end of the newest file cannot be told from damage there, so it counts as damage: it may
//! have been a batch that was confirmed.

use std::io::Write;

use otlp_batch::Inspection;

use super::{
    Failure, Where,
    inspect::batches_of,
    quantity::{bytes, count},
};

pub(super) fn run(queue: &Where, output: &mut impl Write) -> Result<bool, Failure> {
    let mut is_sound = true;
    for inspection in queue.left_behind()? {
        is_sound &= check(&inspection, output)?;
        if let Some(letters) = inspection.dead_letters() {
            is_sound &= check(&Inspection::of(letters, queue.key()?)?, output)?;
        }
    }
    Ok(is_sound)
}

fn check(inspection: &Inspection, output: &mut impl Write) -> Result<bool, Failure> {
    let found = inspection.verify()?;
    let mut wrong = Vec::new();
    if found.damaged_batches > 0 {
        wrong.push(format!("{} damaged", batches_of(found.damaged_batches, found.damaged_items)));
    }
    if found.damaged_bytes > 0 {
        let sealed = inspection.segments().split_last().map_or(&[][..], |(_, sealed)| sealed);
        let is_newest = sealed.iter().all(|segment| segment.damaged_bytes == 0);
        let excuse = if is_newest { " in the newest file (maybe cut off by a crash)" } else { "" };
        wrong.push(format!("{} that are no batch{excuse}", bytes(found.damaged_bytes)));
    }
    if found.missing_items > 0 {
        wrong.push(format!("{} missing", count(found.missing_items, "item", "items")));
    }
    if inspection.is_cursor_lost() {
        wrong.push("the cursor lost, so that what was delivered last will be delivered again".to_owned());
    }
    let directory = inspection.directory().display();
    let sound = count(found.sound_batches, "batch is", "batches are");
    if wrong.is_empty() {
        writeln!(output, "{directory}: sound; {sound} what was written")?;
    } else {
        writeln!(output, "{directory}: DAMAGED: {}; {sound} what was written", wrong.join(", "))?;
    }
    Ok(wrong.is_empty())
}
