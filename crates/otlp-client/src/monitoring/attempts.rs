//! What came of the attempts to deliver to one destination, and how long they took. Written where batches are delivered,
//! by atomic counters alone; read by whoever watches.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::Uri;
use otlp_core::{ErrorKind, Outcome, Signal};
use otlp_transport::Protocol;

use super::{durations::Durations, operations::OperationDurations};

/// How many attempts to deliver there were, by what came of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AttemptCounts {
    /// A receiver acknowledged the batch.
    pub delivered: u64,
    /// The attempt failed in a way that may pass: no connection, no answer in time, told to wait.
    pub failed: u64,
    /// A receiver refused the batch for good, or as too large.
    pub refused: u64,
}

impl AttemptCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.delivered + self.failed + self.refused
    }
}

/// What kind of exporter and processor a destination is, by the names of the semantic conventions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Component {
    /// `otel.component.type` of its exporters, by [`Signal::index`].
    pub(crate) exporter_types: [String; 3],
    /// Host and port of its endpoints, by [`Signal::index`], where they are known.
    pub(crate) servers: [Option<(String, u16)>; 3],
}

impl Component {
    /// The OTLP exporter, with the endpoints of the signals as they are shown.
    pub(crate) fn otlp(protocols: [Protocol; 3], endpoints: &[String; 3]) -> Self {
        let exporter_types = Signal::ALL.map(|signal| {
            let protocol = match protocols[signal.index()] {
                Protocol::Grpc => "grpc",
                Protocol::HttpProtobuf => "http",
                Protocol::HttpJson => "http_json",
            };
            let item = match signal {
                Signal::Traces => "span",
                Signal::Metrics => "metric",
                Signal::Logs => "log",
            };
            format!("otlp_{protocol}_{item}_exporter")
        });
        Component { exporter_types, servers: endpoints.each_ref().map(|url| server(url)) }
    }

    /// A custom exporter: its name is its type.
    pub(crate) fn custom(name: &str) -> Self {
        Component { exporter_types: std::array::from_fn(|_| name.to_owned()), servers: [const { None }; 3] }
    }
}

/// Host and port of a URL.
fn server(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    Some((uri.host()?.to_owned(), uri.port_u16().unwrap_or(default)))
}

/// The attempts of one destination.
pub(crate) struct DestinationAttempts {
    pub(super) component: Component,
    by_signal: [SignalAttempts; 3],
    /// Exported as metrics, once there is a provider of them.
    pub(super) operations: OnceLock<OperationDurations>,
}

#[derive(Default)]
struct SignalAttempts {
    delivered: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    /// Whether the last attempt failed.
    last_failed: AtomicU64,
    durations: Durations,
}

impl DestinationAttempts {
    pub(super) fn new(component: Component) -> Self {
        DestinationAttempts { component, by_signal: Default::default(), operations: OnceLock::new() }
    }

    pub(super) fn attempted(&self, signal: Signal, outcome: &Outcome, took: Duration) {
        let attempts = &self.by_signal[signal.index()];
        let (counter, failed) = match outcome {
            Outcome::Delivered(_) => (&attempts.delivered, 0),
            Outcome::Retry(_) => (&attempts.failed, 1),
            _ => (&attempts.refused, 0),
        };
        attempts.last_failed.store(failed, Relaxed);
        counter.fetch_add(1, Relaxed);
        attempts.durations.record(took);
    }

    pub(super) fn concluded(&self, signal: Signal, outcome: &Outcome, took: Duration) {
        if let Some(operations) = self.operations.get() {
            operations.record(signal, error_type(outcome), took);
        }
    }

    pub(super) fn counts(&self, signal: Signal) -> AttemptCounts {
        let attempts = &self.by_signal[signal.index()];
        AttemptCounts {
            delivered: attempts.delivered.load(Relaxed),
            failed: attempts.failed.load(Relaxed),
            refused: attempts.refused.load(Relaxed),
        }
    }

    /// Whether the last attempt of `signal` failed in a way that may pass.
    pub(super) fn last_failed(&self, signal: Signal) -> bool {
        self.by_signal[signal.index()].last_failed.load(Relaxed) > 0
    }

    pub(super) fn durations(&self, signal: Signal) -> &Durations {
        &self.by_signal[signal.index()].durations
    }
}

/// `error.type` of the semantic conventions; none for what was delivered in full.
fn error_type(outcome: &Outcome) -> Option<&'static str> {
    let error = match outcome {
        Outcome::Delivered(partial) if partial.rejected == 0 => return None,
        Outcome::Delivered(_) => return Some("rejected"),
        Outcome::Retry(failure) => &failure.error,
        Outcome::Refused(error) | Outcome::TooLarge(error) => error,
        _ => return Some("_OTHER"),
    };
    Some(match error.kind() {
        ErrorKind::Network => "network",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Throttled => "throttled",
        ErrorKind::Unauthorized => "unauthorized",
        ErrorKind::Refused => "refused",
        ErrorKind::TooLarge => "too_large",
        ErrorKind::Protocol => "protocol",
        ErrorKind::Destination => "destination",
        _ => "_OTHER",
    })
}

#[cfg(test)]
mod tests {
    use otlp_core::ExportError;

    use super::*;

    #[test]
    fn attempts_are_counted_by_signal_and_by_what_came_of_them() {
        let component = Component { exporter_types: Default::default(), servers: Default::default() };
        let attempts = DestinationAttempts::new(component);
        let error = || ExportError::new(ErrorKind::Network, "scripted");
        let took = Duration::from_millis(3);
        attempts.attempted(Signal::Logs, &Outcome::retry(error()), took);
        assert!(attempts.last_failed(Signal::Logs));
        attempts.attempted(Signal::Logs, &Outcome::delivered(), took);
        attempts.attempted(Signal::Logs, &Outcome::Refused(error()), took);
        attempts.attempted(Signal::Logs, &Outcome::TooLarge(error()), took);
        assert!(!attempts.last_failed(Signal::Logs));
        assert_eq!(attempts.counts(Signal::Logs), AttemptCounts { delivered: 1, failed: 1, refused: 2 });
        assert_eq!(attempts.counts(Signal::Traces), AttemptCounts::default());
        assert_eq!(attempts.durations(Signal::Logs).read().count(), 4);
    }

    #[test]
    fn only_a_full_success_has_no_error_type() {
        let partial = otlp_core::PartialSuccess { rejected: 1, message: String::new() };
        assert_eq!(error_type(&Outcome::delivered()), None);
        assert_eq!(error_type(&Outcome::Delivered(partial)), Some("rejected"));
        let error = ExportError::new(ErrorKind::Timeout, "scripted");
        assert_eq!(error_type(&Outcome::retry(error)), Some("timeout"));
    }
}
