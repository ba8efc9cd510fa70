//! What is said of the disk queue of a destination.

use std::fmt;

use otlp_batch::DiskEvent;

use super::{DiagnosticSeverity, Diagnostics, about, kind::Kind};
use crate::logging::Message;

impl Diagnostics {
    /// Says what happened to the disk queue of a destination.
    pub(crate) fn disk(&self, destination: &str, event: &DiskEvent<'_>) {
        use DiagnosticSeverity::{Error, Info, Warning};
        let say = |severity, text: fmt::Arguments<'_>| {
            self.say_with(severity, || Message::from(text.to_string()).field("destination", destination));
        };
        match event {
            DiskEvent::Recovered { items, missing_items, damaged_bytes, is_cursor_lost, refused } => {
                self.recovered(destination, *items, (*missing_items, *damaged_bytes), *is_cursor_lost, *refused);
            }
            DiskEvent::Degraded { error } => say(
                Warning,
                format_args!(
                    "the disk queue of {destination} does not work and is tried again; until then batches stay in \
                     memory, and are lost with the process: {error}"
                ),
            ),
            DiskEvent::Full { max_bytes } => say(
                Warning,
                format_args!(
                    "the disk queue of {destination} has {max_bytes} bytes, as many as it may have; what is new stays \
                     in memory. If that passes, raise max_bytes of the disk queue"
                ),
            ),
            DiskEvent::Stalled { waited } => say(
                Warning,
                format_args!(
                    "the disk under the disk queue of {destination} has not answered for {} s; until it does, batches \
                     stay in memory, and are lost with the process. Look after the disk, or the network it is behind",
                    waited.as_secs()
                ),
            ),
            DiskEvent::Restored => say(Info, format_args!("the disk queue of {destination} works again")),
            DiskEvent::Damaged { signal, items } => self.limited(Kind::DiskDamaged(*signal), Error, || {
                let text = format!("{items} {} in the disk queue of {destination} cannot be read back", signal.items());
                about(text, destination, *signal, *items)
            }),
            _ => {}
        }
    }

    /// Says what an earlier process left, and each thing that is wrong with it.
    fn recovered(
        &self,
        destination: &str,
        items: u64,
        (missing_items, damaged_bytes): (u64, u64),
        is_cursor_lost: bool,
        refused: Option<std::io::ErrorKind>,
    ) {
        use DiagnosticSeverity::{Error, Info, Warning};
        let say = |severity, text: fmt::Arguments<'_>| {
            self.say_with(severity, || Message::from(text.to_string()).field("destination", destination));
        };
        if (missing_items, damaged_bytes) == (0, 0) {
            say(Info, format_args!("found {items} items for {destination} in the disk queue"));
        } else {
            let severity = if missing_items > 0 { Error } else { Warning };
            let what = format_args!(
                "found {items} items for {destination} in the disk queue, and damage: {damaged_bytes} bytes that nothing \
                 can be made of, {missing_items} items that are missing. A crash may cut off the end of a file; if none \
                 happened, look after the disk"
            );
            say(severity, what);
        }
        if is_cursor_lost {
            let what = format_args!(
                "the cursor of the disk queue of {destination} is damaged or gone: what was delivered and still stands \
                 in a file is delivered again"
            );
            say(Warning, what);
        }
        if let Some(refused) = refused {
            let what = format_args!(
                "the disk refused something while the disk queue of {destination} was opened ({refused}); what was found \
                 may not survive a power cut before it is delivered"
            );
            say(Warning, what);
        }
    }
}
