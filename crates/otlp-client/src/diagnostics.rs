//! What the client says of itself: settings it could not use, attempts that fail, items that are lost.
//!
//! One message per kind and signal, then silence for a while with a count of what was left out: a dead backend must not
//! fill the log of the program it observes.

use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use otlp_batch::{DeliveryObserver, DropReason, Fate, Settled};
use otlp_core::{ExportError, Signal};
use otlp_exporters::AttemptObserver;
use parking_lot::Mutex;

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
    /// Nothing is lost yet.
    Warning,
    /// Items were lost.
    Error,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
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
pub(crate) struct Diagnostics {
    sink: Sink,
    recent: Mutex<HashMap<Kind, Recent>>,
}

/// What messages are held back by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Dropped(Signal, DropReason),
    Rejected(Signal),
    PartlyRejected(Signal),
    ReceiverWarning(Signal),
    AttemptFailed(Signal),
}

struct Recent {
    last: Instant,
    suppressed: u64,
}

impl Diagnostics {
    pub(crate) fn new(sink: Sink) -> Self {
        Diagnostics { sink, recent: Mutex::default() }
    }

    /// Gives a message that is not held back.
    pub(crate) fn say(&self, severity: DiagnosticSeverity, message: impl fmt::Display) {
        (self.sink)(&Diagnostic { severity, message: message.to_string(), suppressed: 0 });
    }

    fn limited(&self, kind: Kind, severity: DiagnosticSeverity, message: impl FnOnce() -> String) {
        let now = Instant::now();
        let mut recent = self.recent.lock();
        let suppressed = match recent.get_mut(&kind) {
            Some(one) if now.duration_since(one.last) < SILENCE => {
                one.suppressed += 1;
                return;
            }
            Some(one) => {
                one.last = now;
                std::mem::take(&mut one.suppressed)
            }
            None => {
                recent.insert(kind, Recent { last: now, suppressed: 0 });
                0
            }
        };
        drop(recent);
        (self.sink)(&Diagnostic { severity, message: message(), suppressed });
    }
}

impl DeliveryObserver for Diagnostics {
    fn settled(&self, settled: &Settled<'_>) {
        let Settled { destination, signal, items, .. } = *settled;
        let what = signal.items();
        let (kind, severity, message): (_, _, Box<dyn FnOnce() -> String + '_>) = match settled.fate {
            Fate::Delivered(partial) if partial.rejected > 0 => (
                Kind::PartlyRejected(signal),
                DiagnosticSeverity::Error,
                Box::new(move || {
                    format!("{destination} rejected {} of {items} {what}: {}", partial.rejected, partial.message)
                }),
            ),
            Fate::Delivered(partial) if !partial.message.is_empty() => (
                Kind::ReceiverWarning(signal),
                DiagnosticSeverity::Warning,
                Box::new(move || format!("{destination} took {items} {what} and says: {}", partial.message)),
            ),
            Fate::Rejected(error) => (
                Kind::Rejected(signal),
                DiagnosticSeverity::Error,
                Box::new(move || format!("{destination} refused {items} {what} for good: {error}")),
            ),
            Fate::Dropped(reason, error) => (
                Kind::Dropped(signal, reason),
                DiagnosticSeverity::Error,
                Box::new(move || {
                    let last = error.map(|error| format!("; the last error was: {error}")).unwrap_or_default();
                    format!("dropped {items} {what}: {}{last}", advice(reason))
                }),
            ),
            _ => return,
        };
        self.limited(kind, severity, message);
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
            "the queue is full, because more is recorded than the destination takes; if that is a passing peak, raise \
             max_queue_size"
        }
        DropReason::MemoryFull => {
            "the memory budget for telemetry is used up, because more is recorded than the destination takes; if that \
             is a passing peak, raise max_bytes of the memory configuration"
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
        _ => "given up",
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(diagnostics.recent.lock()[&Kind::Dropped(Signal::Traces, DropReason::ShutDown)].suppressed, 999);
    }
}
