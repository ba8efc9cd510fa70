//! What is said of the fate of items and of attempts that fail, and what can be done about it.

use otlp_batch::{DeliveryObserver, DropReason, Fate, Settled};
use otlp_core::{ExportError, Signal};
use otlp_exporters::AttemptObserver;

use super::{DiagnosticSeverity, Diagnostics, about, kind::Kind};
use crate::logging::Message;

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
        logging::{Diagnostic, Output, Sink},
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
}
