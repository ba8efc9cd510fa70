//! What the client says of itself: settings it could not use, attempts that fail, items that are lost.
//!
//! One message per kind and signal, then silence for a while with a count of what was left out: a dead backend must not
//! fill the log of the program it observes.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use otlp_batch::{DeliveryObserver, DiskEvent, DropReason, Fate, Settled};
use otlp_core::{ExportError, Signal};
use otlp_exporters::AttemptObserver;

pub(crate) use crate::logging::DiagnosticSeverity;
use crate::logging::{Message, Output};

/// How long a kind of message is silent after it was given.
const SILENCE: Duration = Duration::from_secs(30);

/// Gives messages to the output, at a limited rate.
///
/// With a dead backend this is called for every record, on the thread that made it: a message that is held back costs a
/// reading of the clock and a count.
pub(crate) struct Diagnostics {
    output: Output,
    started: Instant,
    /// By [`Kind::index`].
    recent: [Recent; Kind::COUNT],
}

/// What messages are held back by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Rejected(Signal),
    PartlyRejected(Signal),
    ReceiverWarning(Signal),
    AttemptFailed(Signal),
    Dropped(Signal, DropReason),
    DiskDamaged(Signal),
    Delivered(Signal),
}

impl Kind {
    const COUNT: usize = 3 * (6 + DropReason::ALL.len());

    fn index(self) -> usize {
        let (signal, kind) = match self {
            Kind::Rejected(signal) => (signal, 0),
            Kind::PartlyRejected(signal) => (signal, 1),
            Kind::ReceiverWarning(signal) => (signal, 2),
            Kind::AttemptFailed(signal) => (signal, 3),
            Kind::DiskDamaged(signal) => (signal, 4),
            Kind::Delivered(signal) => (signal, 5),
            Kind::Dropped(signal, reason) => (signal, 6 + reason as usize),
        };
        signal.index() + 3 * kind
    }
}

/// When a kind of message was given last, and how many were held back since.
#[derive(Default)]
pub(crate) struct Recent {
    /// Milliseconds since the start, plus one; zero if never.
    given: AtomicU64,
    suppressed: AtomicU64,
}

impl Recent {
    /// How many messages were held back since the last one, if it is time for another.
    fn due(&self, now: Duration) -> Option<u64> {
        let (now, silence) = (now.as_millis() as u64 + 1, SILENCE.as_millis() as u64);
        let given = self.given.load(Ordering::Relaxed);
        let is_due = given == 0 || now >= given + silence;
        if is_due && self.given.compare_exchange(given, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            return Some(self.suppressed.swap(0, Ordering::Relaxed));
        }
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        None
    }
}

impl Diagnostics {
    pub(crate) fn new(output: Output) -> Self {
        Diagnostics { output, started: Instant::now(), recent: std::array::from_fn(|_| Recent::default()) }
    }

    /// Where messages go, and which.
    pub(crate) fn output(&self) -> &Output {
        &self.output
    }

    /// Gives a message that is not held back.
    pub(crate) fn say(&self, severity: DiagnosticSeverity, message: impl fmt::Display) {
        self.say_with(severity, || message.to_string());
    }

    /// Gives a message that is not held back, and is made only if it is wanted.
    pub(crate) fn say_with<M: Into<Message>>(&self, severity: DiagnosticSeverity, message: impl FnOnce() -> M) {
        if self.output.says(severity) {
            self.output.say(severity, message().into(), 0);
        }
    }

    fn limited<M: Into<Message>>(&self, kind: Kind, severity: DiagnosticSeverity, message: impl FnOnce() -> M) {
        self.limited_by(&self.recent[kind.index()], severity, message);
    }

    /// Gives a message of a kind that is counted elsewhere, for instance by endpoint.
    pub(crate) fn limited_by<M: Into<Message>>(
        &self,
        recent: &Recent,
        severity: DiagnosticSeverity,
        message: impl FnOnce() -> M,
    ) {
        if !self.output.says(severity) {
            return;
        }
        if let Some(suppressed) = recent.due(self.started.elapsed()) {
            self.output.say(severity, message().into(), suppressed);
        }
    }
}

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

impl DeliveryObserver for Diagnostics {
    fn reads_records(&self) -> bool {
        false
    }

    fn settled(&self, settled: &Settled<'_>) {
        use DiagnosticSeverity::{Debug, Error, Trace, Warning};
        let Settled { destination, signal, items, .. } = *settled;
        let what = signal.items();
        let about = |text| about(text, destination, signal, items);
        match settled.fate {
            Fate::Delivered(partial) if partial.rejected > 0 => {
                self.limited(Kind::PartlyRejected(signal), Error, || {
                    let text =
                        format!("{destination} rejected {} of {items} {what}: {}", partial.rejected, partial.message);
                    about(text).field("rejected", partial.rejected)
                });
            }
            Fate::Delivered(partial) if !partial.message.is_empty() => {
                self.limited(Kind::ReceiverWarning(signal), Warning, || {
                    about(format!("{destination} took {items} {what} and says: {}", partial.message))
                });
            }
            Fate::Delivered(_) => {
                let text = || format!("{destination} took {items} {what}");
                if self.output.says(Trace) {
                    self.say_with(Trace, || about(text()));
                } else {
                    self.limited(Kind::Delivered(signal), Debug, || about(text()));
                }
            }
            Fate::Rejected(error) => self.limited(Kind::Rejected(signal), Error, || {
                about(format!("{destination} refused {items} {what} for good: {error}"))
            }),
            Fate::Dropped(reason, error) => self.limited(Kind::Dropped(signal, reason), Error, || {
                let last = error.map(|error| format!("; the last error was: {error}")).unwrap_or_default();
                about(format!("dropped {items} {what}: {}{last}", advice(reason))).field("reason", reason.name())
            }),
            _ => {}
        }
    }
}

impl AttemptObserver for Diagnostics {
    fn failed(&self, destination: &str, signal: Signal, error: &ExportError) {
        self.limited(Kind::AttemptFailed(signal), DiagnosticSeverity::Warning, || {
            let text = format!("cannot deliver {} now and will try again: {error}", signal.items());
            Message::from(text).field("destination", destination).field("signal", signal.name())
        });
    }
}

/// A message about items; they may have been lost before they were meant for a destination.
fn about(text: String, destination: &str, signal: Signal, items: u64) -> Message {
    let message = Message::from(text).field("signal", signal.name()).field("items", items);
    if destination.is_empty() { message } else { message.field("destination", destination) }
}

/// What a reason means and what can be done.
fn advice(reason: DropReason) -> &'static str {
    match reason {
        DropReason::QueueFull => {
            "the queue is full, because the destination is down or takes less than is recorded; if that passes, raise \
             max_queue_size"
        }
        DropReason::MemoryFull => {
            "the memory budget for telemetry is used up, because the destination is down or takes less than is \
             recorded; if that passes, raise max_bytes of the memory configuration"
        }
        DropReason::RecordTooLarge => "the record is larger than max_record_bytes, so no request could carry it",
        DropReason::RetriesExhausted => {
            "the destination did not take them within the limits of retry; to wait longer, raise max_elapsed or \
             max_attempts of the retry configuration"
        }
        DropReason::ShutDown => {
            "the client was shut down before they could be delivered; give shutdown a longer deadline, and record \
             nothing after it"
        }
        DropReason::ExporterPanicked => "the exporter panicked",
        DropReason::DiskFull => {
            "the disk queue has as many bytes as it may have, because the destination is down or takes less than is \
             recorded; if that passes, raise max_bytes of the disk queue"
        }
        DropReason::DiskDamaged => "what the disk queue had written cannot be read back; look after the disk",
        DropReason::DiskFailed => {
            "the disk took nothing until the client was shut down, or lost what it had taken; look after the disk"
        }
        DropReason::Expired => "they waited in the disk queue for longer than its max_age",
        _ => "given up",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;
    use crate::{
        LogFormat, LogLevel,
        logging::{Diagnostic, Sink},
    };

    #[test]
    fn the_same_kind_is_said_once_and_counted() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&said);
        let sink: Sink = Arc::new(move |one: &Diagnostic| sink.lock().push(one.to_string()));
        let diagnostics = Diagnostics::new(Output::new(Some(sink), LogLevel::Info, LogFormat::Text));
        let drop = |signal, reason| {
            let fate = Fate::Dropped(reason, None);
            diagnostics.settled(&Settled { destination: "", signal, fate, items: 3, fragments: &[] });
        };
        for _ in 0..1_000 {
            drop(Signal::Traces, DropReason::ShutDown);
        }
        drop(Signal::Logs, DropReason::ShutDown);
        let said = said.lock();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("otlp: error: dropped 3 spans: the client was shut down"), "{}", said[0]);
    }

    #[test]
    fn after_its_silence_a_kind_is_due_again_with_the_count_of_what_was_held_back() {
        let recent = Recent::default();
        let start = Duration::from_secs(5);
        assert_eq!(recent.due(start), Some(0));
        assert_eq!(recent.due(start + SILENCE / 2), None);
        assert_eq!(recent.due(start + SILENCE - Duration::from_millis(1)), None);
        assert_eq!(recent.due(start + SILENCE), Some(2));
        assert_eq!(recent.due(start + SILENCE), None);
    }

    #[test]
    fn each_kind_has_a_place_of_its_own() {
        let mut indices = Vec::new();
        for signal in Signal::ALL {
            let kinds = [
                Kind::Rejected,
                Kind::PartlyRejected,
                Kind::ReceiverWarning,
                Kind::AttemptFailed,
                Kind::DiskDamaged,
                Kind::Delivered,
            ];
            indices.extend(kinds.map(|kind| kind(signal).index()));
            indices.extend(DropReason::ALL.map(|reason| Kind::Dropped(signal, reason).index()));
        }
        indices.sort_unstable();
        assert_eq!(indices, (0..Kind::COUNT).collect::<Vec<_>>());
    }
}
