//! [`MetricsWarning`]: what is amiss with instruments, told to the hook of the configuration.
//!
//! Whatever is warned of, the instrument goes on working. What could occur with every measurement is warned of once per
//! instrument.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::InstrumentKind;

/// Something that is amiss with an instrument.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MetricsWarning {
    /// The name is not one that the specification allows. It is used as it is.
    InvalidName {
        /// The name.
        name: String,
    },
    /// An instrument of this name exists in the scope with another kind, number type, unit or description. Both
    /// report, and a backend will see a conflict.
    ConflictingInstrument {
        /// The name.
        name: String,
        /// The kind that was asked for.
        kind: InstrumentKind,
        /// The kind that exists.
        existing: InstrumentKind,
    },
    /// The boundaries are not finite numbers in rising order. The default boundaries are used instead.
    InvalidBoundaries {
        /// The histogram, or none for the default boundaries of the configuration.
        name: Option<String>,
        /// The boundaries.
        boundaries: Vec<f64>,
    },
    /// The instrument has as many series as it may; further ones are reported together as one series with
    /// `otel.metric.overflow=true`.
    CardinalityLimit {
        /// The instrument.
        name: String,
        /// How many series it may have.
        limit: usize,
    },
    /// Attributes of a series are larger than a series may be; such series are reported together as one with
    /// `otel.metric.overflow=true`.
    AttributesTooLarge {
        /// The instrument.
        name: String,
        /// The size of the attributes in encoded bytes.
        bytes: usize,
    },
    /// A measurement was ignored: it was not finite, or negative where the instrument only counts up.
    IgnoredMeasurement {
        /// The instrument.
        name: String,
        /// The measurement.
        value: f64,
    },
    /// A callback panicked. What it observed before is reported, and it is called again at the next collection.
    CallbackPanicked {
        /// The instrument.
        name: String,
    },
}

impl fmt::Display for MetricsWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetricsWarning::InvalidName { name } => write!(
                f,
                "instrument name {name:?} is not valid: use 1 to 255 of the ASCII letters and digits, `_`, `.`, `-` \
                 and `/`, with a letter first"
            ),
            MetricsWarning::ConflictingInstrument { name, kind, existing } => write!(
                f,
                "instrument {name:?} ({kind}) conflicts with one of the same name ({existing}): give both the same \
                 kind, number type, unit and description, or another name"
            ),
            MetricsWarning::InvalidBoundaries { name, boundaries } => {
                match name {
                    Some(name) => write!(f, "histogram {name:?}")?,
                    None => f.write_str("the default of histograms")?,
                }
                write!(f, " has boundaries that are not finite and rising, defaults are used instead: {boundaries:?}")
            }
            MetricsWarning::CardinalityLimit { name, limit } => write!(
                f,
                "instrument {name:?} reached its limit of {limit} series, further ones are reported as one: record \
                 fewer distinct attribute values, or raise the limit"
            ),
            MetricsWarning::AttributesTooLarge { name, bytes } => write!(
                f,
                "instrument {name:?} was given attributes of {bytes} bytes, which are reported as overflow: record \
                 smaller attributes"
            ),
            MetricsWarning::IgnoredMeasurement { name, value } => {
                write!(f, "instrument {name:?} ignored the measurement {value}")
            }
            MetricsWarning::CallbackPanicked { name } => write!(f, "a callback of instrument {name:?} panicked"),
        }
    }
}

/// Who is told of warnings. It is called on the thread where something was amiss and should be quick.
#[derive(Clone)]
pub struct WarningHook(Arc<dyn Fn(&MetricsWarning) + Send + Sync>);

impl WarningHook {
    /// Calls `hook` with each warning. A panic of the hook is caught.
    pub fn new(hook: impl Fn(&MetricsWarning) + Send + Sync + 'static) -> Self {
        WarningHook(Arc::new(hook))
    }

    pub(super) fn warn(&self, warning: &MetricsWarning) {
        // The hook stands on the application's call path, which telemetry must not break.
        let _ = catch_unwind(AssertUnwindSafe(|| (self.0)(warning)));
    }
}

impl fmt::Debug for WarningHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WarningHook(..)")
    }
}
