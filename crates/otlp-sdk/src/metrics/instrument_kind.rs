//! [`InstrumentKind`]: the seven kinds of instruments of the OpenTelemetry metrics API.

use std::fmt;

/// A kind of instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InstrumentKind {
    /// Sums increments.
    Counter,
    /// Sums changes of either sign.
    UpDownCounter,
    /// Records a distribution.
    Histogram,
    /// Keeps the last value.
    Gauge,
    /// Observes a sum that only grows.
    ObservableCounter,
    /// Observes a sum.
    ObservableUpDownCounter,
    /// Observes a value.
    ObservableGauge,
}

impl InstrumentKind {
    /// Whether what it measures only grows.
    pub(super) const fn is_monotonic(self) -> bool {
        matches!(self, InstrumentKind::Counter | InstrumentKind::ObservableCounter)
    }
}

impl fmt::Display for InstrumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InstrumentKind::Counter => "counter",
            InstrumentKind::UpDownCounter => "up-down counter",
            InstrumentKind::Histogram => "histogram",
            InstrumentKind::Gauge => "gauge",
            InstrumentKind::ObservableCounter => "observable counter",
            InstrumentKind::ObservableUpDownCounter => "observable up-down counter",
            InstrumentKind::ObservableGauge => "observable gauge",
        })
    }
}

/// Whether the specification allows the name of an instrument ("Instrument name syntax" of the metrics API).
pub(super) fn is_valid_name(name: &str) -> bool {
    name.len() <= 255
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_syntax_of_the_specification() {
        for name in ["a", "http.server.request.duration", "Cache/hits-2_x", &"n".repeat(255)] {
            assert!(is_valid_name(name), "{name}");
        }
        for name in ["", "1st", "_x", "a b", "größe", "a:b", &"n".repeat(256)] {
            assert!(!is_valid_name(name), "{name}");
        }
    }
}
