//! [`MetricsConfig`]: what can be chosen about metrics.

use std::{error::Error, fmt, str::FromStr};

use otlp_core::data::Temporality;

use super::{InstrumentKind, MetricsWarning, WarningHook};

/// The boundaries of histograms that name none of their own, as the metrics SDK specification has them.
pub const DEFAULT_BOUNDARIES: [f64; 15] =
    [0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0];

/// How many series an instrument may have by default, as the metrics SDK specification has it.
pub const DEFAULT_CARDINALITY_LIMIT: usize = 2000;

/// What can be chosen about metrics.
#[derive(Debug, Clone)]
pub struct MetricsConfig {
    /// Whether instruments record. One of a provider that is not enabled takes measurements for nothing, and its
    /// callbacks are not called. Default true.
    pub enabled: bool,
    /// Whether points cover the time since the last one or since the start.
    pub temporality: TemporalityPreference,
    /// How many series an instrument reports at most. The last of them has `otel.metric.overflow=true` and stands for
    /// all that came too late for one of their own.
    pub cardinality_limit: usize,
    /// The boundaries of histograms that name none of their own: finite, in rising order. Others are warned of, and
    /// [`DEFAULT_BOUNDARIES`] used.
    pub histogram_boundaries: Vec<f64>,
    /// Who is told when something is amiss with an instrument.
    pub on_warning: Option<WarningHook>,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        MetricsConfig {
            enabled: true,
            temporality: TemporalityPreference::default(),
            cardinality_limit: DEFAULT_CARDINALITY_LIMIT,
            histogram_boundaries: DEFAULT_BOUNDARIES.to_vec(),
            on_warning: None,
        }
    }
}

impl MetricsConfig {
    /// Makes the default boundaries usable, and says so if they were not.
    pub(super) fn checked(mut self) -> Self {
        if !are_valid_boundaries(&self.histogram_boundaries) {
            let boundaries = std::mem::replace(&mut self.histogram_boundaries, DEFAULT_BOUNDARIES.to_vec());
            self.warn(&MetricsWarning::InvalidBoundaries { name: None, boundaries });
        }
        self
    }

    pub(super) fn warn(&self, warning: &MetricsWarning) {
        if let Some(hook) = &self.on_warning {
            hook.warn(warning);
        }
    }
}

/// Whether these can be the upper bounds of buckets. None at all are fine: they make one bucket of everything.
pub(super) fn are_valid_boundaries(boundaries: &[f64]) -> bool {
    boundaries.iter().all(|bound| bound.is_finite()) && boundaries.is_sorted_by(|a, b| a < b)
}

/// Which temporality is preferred: `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` of the OTLP exporter
/// specification. Gauges have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TemporalityPreference {
    /// Cumulative for every instrument.
    #[default]
    Cumulative,
    /// Delta for counters, observable counters and histograms; cumulative for both kinds of up-down counters.
    Delta,
    /// Delta for counters and histograms, so that the SDK need not remember what it has reported; cumulative for
    /// up-down counters and for all observable instruments, whose sources count cumulatively themselves.
    LowMemory,
}

impl TemporalityPreference {
    /// The temporality of instruments of `kind`; of a gauge, `Unspecified`.
    pub const fn of(self, kind: InstrumentKind) -> Temporality {
        match (kind, self) {
            (InstrumentKind::Gauge | InstrumentKind::ObservableGauge, _) => Temporality::Unspecified,
            (
                InstrumentKind::Counter | InstrumentKind::Histogram,
                TemporalityPreference::Delta | TemporalityPreference::LowMemory,
            )
            | (InstrumentKind::ObservableCounter, TemporalityPreference::Delta) => Temporality::Delta,
            _ => Temporality::Cumulative,
        }
    }
}

/// A temporality preference that is none of `cumulative`, `delta` and `lowmemory`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseTemporalityPreferenceError;

impl fmt::Display for ParseTemporalityPreferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a temporality preference is one of cumulative, delta, lowmemory")
    }
}

impl Error for ParseTemporalityPreferenceError {}

impl FromStr for TemporalityPreference {
    type Err = ParseTemporalityPreferenceError;

    /// Reads `cumulative`, `delta` or `lowmemory`, in upper or lower case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is = |name: &str| text.eq_ignore_ascii_case(name);
        if is("cumulative") {
            Ok(TemporalityPreference::Cumulative)
        } else if is("delta") {
            Ok(TemporalityPreference::Delta)
        } else if is("lowmemory") {
            Ok(TemporalityPreference::LowMemory)
        } else {
            Err(ParseTemporalityPreferenceError)
        }
    }
}

#[cfg(test)]
mod tests {
    use InstrumentKind::*;
    use Temporality::{Cumulative, Delta, Unspecified};

    use super::*;

    #[test]
    fn each_preference_is_the_table_of_the_specification() {
        let kinds =
            [Counter, ObservableCounter, Histogram, UpDownCounter, ObservableUpDownCounter, Gauge, ObservableGauge];
        for (name, expected) in [
            ("cumulative", [Cumulative, Cumulative, Cumulative, Cumulative, Cumulative, Unspecified, Unspecified]),
            ("Delta", [Delta, Delta, Delta, Cumulative, Cumulative, Unspecified, Unspecified]),
            ("LOWMEMORY", [Delta, Cumulative, Delta, Cumulative, Cumulative, Unspecified, Unspecified]),
        ] {
            let preference: TemporalityPreference = name.parse().unwrap();
            assert_eq!(kinds.map(|kind| preference.of(kind)), expected, "{name}");
        }
        assert!("low memory".parse::<TemporalityPreference>().is_err());
    }

    #[test]
    fn boundaries_are_finite_and_rise() {
        for good in [&[][..], &[0.0], &[-1.0, 0.0, 2.5], &DEFAULT_BOUNDARIES] {
            assert!(are_valid_boundaries(good), "{good:?}");
        }
        for bad in [&[1.0, 1.0][..], &[2.0, 1.0], &[f64::NAN], &[1.0, f64::INFINITY], &[f64::NEG_INFINITY]] {
            assert!(!are_valid_boundaries(bad), "{bad:?}");
        }
    }
}
