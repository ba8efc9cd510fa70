//! What the client says of itself: settings it could not use, attempts that fail, items that are lost.
//!
//! One message per kind and signal, then silence for a while with a count of what was left out: a dead backend must not
//! fill the log of the program it observes.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use otlp_batch::{DeliveryObserver, DiskEvent, DropReason, Fate, Settled};
use otlp_core::{ExportError, Signal};
use otlp_exporters::AttemptObserver;

/// How long a kind of message is silent after it was given.
const SILENCE: Duration = Duration::from_secs(30);

/// A message of the client about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether data was lost.
    pub severity: DiagnosticSeverity,
    /// What happened, what it means, and what can be done. Never a secret.
    pub message: String,
    /// How many messages of the same kind were left out since the last one.
    pub suppressed: u64,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiagnosticSeverity {
    /// What was wrong is well again.
    Info,
    /// Nothing is lost yet.
    Warning,
    /// Items were lost.
    Error,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            DiagnosticSeverity::Info => "info",
            DiagnosticSeverity::Warning => "warning",
            DiagnosticSeverity::Error => "error",
        };
        write!(f, "otlp: {severity}: {}", self.message)?;
        match self.suppressed {
            0 => Ok(()),
            count => write!(f, " ({count} more like this since the last message)"),
        }
    }
}

/// What is done with a [`Diagnostic`].
pub(crate) type Sink = Arc<dyn Fn(&Diagnostic) + Send + Sync>;

/// The default: a line on standard error.
pub(crate) fn to_standard_error() -> Sink {
    use std::io::Write;
    // A closed standard error must not panic, which `eprintln!` would.
    Arc::new(|diagnostic| drop(writeln!(std::io::stderr(), "{diagnostic}")))
}

/// Gives messages to a sink, at a limited rate.
///
/// With a dead backend this is called for every record, on the thread that made it: a message that is held back costs a
/// reading of the clock and a count.
pub(crate) struct Diagnostics {
    sink: Sink,
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
}

impl Kind {
    const COUNT: usize = 3 * (5 + DropReason::ALL.len());

    fn index(self) -> usize {
        let (signal, kind) = match self {
            Kind::Rejected(signal) => (signal, 0),
            Kind::PartlyRejected(signal) => (signal, 1),
            Kind::ReceiverWarning(signal) => (signal, 2),
            Kind::AttemptFailed(signal) => (signal, 3),
            Kind::DiskDamaged(signal) => (signal, 4),
            Kind::Dropped(signal, reason) => (signal, 5 + reason as usize),
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
    pub(crate) fn new(sink: Sink) -> Self {
        Diagnostics { sink, started: Instant::now(), recent: std::array::from_fn(|_| Recent::default()) }
    }

    /// Gives a message that is not held back.
    pub(crate) fn say(&self, severity: DiagnosticSeverity, message: impl fmt::Display) {
        (self.sink)(&Diagnostic { severity, message: message.to_string(), suppressed: 0 });
    }

    fn limited(&self, kind: Kind, severity: DiagnosticSeverity, message: impl FnOnce() -> String) {
        self.limited_by(&self.recent[kind.index()], severity, message);
    }

    /// Gives a message of a kind that is counted elsewhere, for instance by endpoint.
    pub(crate) fn limited_by(&self, recent: &Recent, severity: DiagnosticSeverity, message: impl FnOnce() -> String) {
        if let Some(suppressed) = recent.due(self.started.elapsed()) {
            (self.sink)(&Diagnostic { severity, message: message(), suppressed });
        }
    }
}

impl Diagnostics {
    /// Says what happened to the disk queue of a destination.
    pub(crate) fn disk(&self, destination: &str, event: &DiskEvent<'_>) {
        use DiagnosticSeverity::{Error, Info, Warning};
        match event {
            DiskEvent::Recovered { items, missing_items, damaged_bytes, is_cursor_lost, refused } => {
                self.recovered(destination, *items, (*missing_items, *damaged_bytes), *is_cursor_lost, *refused);
            }
            DiskEvent::Degraded { error } => self.say(
                Warning,
                format_args!(
                    "the disk queue of {destination} does not work and is tried again; until then batches stay in \
                     memory, and are lost with the process: {error}"
                ),
            ),
            DiskEvent::Full { max_bytes } => self.say(
                Warning,
                format_args!(
                    "the disk queue of {destination} has {max_bytes} bytes, as many as it may have; what is new stays \
                     in memory. If that passes, raise max_bytes of the disk queue"
                ),
            ),
            DiskEvent::Stalled { waited } => self.say(
                Warning,
                format_args!(
                    "the disk under the disk queue of {destination} has not answered for {} s; until it does, batches \
                     stay in memory, and are lost with the process. Look after the disk, or the network it is behind",
                    waited.as_secs()
                ),
            ),
            DiskEvent::Restored => self.say(Info, format_args!("the disk queue of {destination} works again")),
            DiskEvent::Damaged { signal, items } => self.limited(Kind::DiskDamaged(*signal), Error, || {
                format!("{items} {} in the disk queue of {destination} cannot be read back", signal.items())
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
        if (missing_items, damaged_bytes) == (0, 0) {
            self.say(Info, format_args!("found {items} items for {destination} in the disk queue"));
        } else {
            let severity = if missing_items > 0 { Error } else { Warning };
            let what = format_args!(
                "found {items} items for {destination} in the disk queue, and damage: {damaged_bytes} bytes that nothing \
                 can be made of, {missing_items} items that are missing. A crash may cut off the end of a file; if none \
                 happened, look after the disk"
            );
            self.say(severity, what);
        }
        if is_cursor_lost {
            let what = format_args!(
                "the cursor of the disk queue of {destination} is damaged or gone: what was delivered and still stands \
                 in a file is delivered again"
            );
            self.say(Warning, what);
        }
        if let Some(refused) = refused {
            let what = format_args!(
                "the disk refused something while the disk queue of {destination} was opened ({refused}); what was found \
                 may not survive a power cut before it is delivered"
            );
            self.say(Warning, what);
        }
    }
}

impl DeliveryObserver for Diagnostics {
    fn reads_records(&self) -> bool {
        false
    }

    fn settled(&self, settled: &Settled<'_>) {
        use DiagnosticSeverity::{Error, Warning};
        let Settled { destination, signal, items, .. } = *settled;
        let what = signal.items();
        match settled.fate {
            Fate::Delivered(partial) if partial.rejected > 0 => {
                self.limited(Kind::PartlyRejected(signal), Error, || {
                    format!("{destination} rejected {} of {items} {what}: {}", partial.rejected, partial.message)
                });
            }
            Fate::Delivered(partial) if !partial.message.is_empty() => {
                self.limited(Kind::ReceiverWarning(signal), Warning, || {
                    format!("{destination} took {items} {what} and says: {}", partial.message)
                });
            }
            Fate::Rejected(error) => self.limited(Kind::Rejected(signal), Error, || {
                format!("{destination} refused {items} {what} for good: {error}")
            }),
            Fate::Dropped(reason, error) => self.limited(Kind::Dropped(signal, reason), Error, || {
                let last = error.map(|error| format!("; the last error was: {error}")).unwrap_or_default();
                format!("dropped {items} {what}: {}{last}", advice(reason))
            }),
            _ => {}
        }
    }
}

impl AttemptObserver for Diagnostics {
    fn failed(&self, _destination: &str, signal: Signal, error: &ExportError) {
        self.limited(Kind::AttemptFailed(signal), DiagnosticSeverity::Warning, || {
            format!("cannot deliver {} now and will try again: {error}", signal.items())
        });
    }
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
    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn the_same_kind_is_said_once_and_counted() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&said);
        let diagnostics = Diagnostics::new(Arc::new(move |one| sink.lock().push(one.to_string())));
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
            let kinds =
                [Kind::Rejected, Kind::PartlyRejected, Kind::ReceiverWarning, Kind::AttemptFailed, Kind::DiskDamaged];
            indices.extend(kinds.map(|kind| kind(signal).index()));
            indices.extend(DropReason::ALL.map(|reason| Kind::Dropped(signal, reason).index()));
        }
        indices.sort_unstable();
        assert_eq!(indices, (0..Kind::COUNT).collect::<Vec<_>>());
    }
}
