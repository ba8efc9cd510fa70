//! `otlp queue verify`: whether what waits is what was written.

use super::{Failure, Place, inspect::count, with_sources};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
}

/// Whether all queues are sound. What a crash cut off at the end of the newest file is no damage to what was durable, but
/// cannot be told apart from damage there: it is shown, and fails nothing.
pub(super) fn run(arguments: &Arguments) -> Result<bool, Failure> {
    let mut is_sound = true;
    for queue in arguments.place.queues()? {
        let found = arguments.place.inspect_unused(&queue)?.verify().map_err(|error| with_sources(&error))?;
        println!("{}: {} sound", queue.display(), count(found.sound_batches, "batch"));
        if found.damaged_batches > 0 {
            let items = count(found.damaged_items, "item");
            println!("  {} damaged, with {items}", count(found.damaged_batches, "batch"));
        }
        if found.missing_items > 0 {
            println!("  {} missing", count(found.missing_items, "item"));
        }
        if found.damaged_bytes > 0 {
            println!("  {} damaged, or cut off by a crash", count(found.damaged_bytes, "byte"));
        }
        is_sound &= found.damaged_batches == 0 && found.missing_items == 0;
    }
    Ok(is_sound)
}
