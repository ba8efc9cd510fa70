//! What a logger provider is configured with.

use otlp_core::{data::Severity, wire::encode::ValueLimit};

use super::LogAggregation;
use crate::record::AttributeLimit;

/// Limits of what a log record may hold (OpenTelemetry specification, Logs SDK, "LogRecord Limits"). What exceeds them
/// is left out and counted on the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimits {
    /// How many attributes. Default 128.
    pub attribute_count: usize,
    /// How many characters of a string value among the attributes; longer ones are cut. Default no limit.
    pub value_length: ValueLimit,
}

impl LogLimits {
    #[inline]
    pub(super) fn attributes(&self) -> AttributeLimit {
        AttributeLimit { count: self.attribute_count, value_length: self.value_length }
    }
}

impl Default for LogLimits {
    fn default() -> Self {
        LogLimits { attribute_count: 128, value_length: None }
    }
}

/// How a [`LoggerProvider`](super::LoggerProvider) limits, filters and forms its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    /// Whether records are made at all. Default: they are.
    pub is_enabled: bool,
    /// The limits.
    pub limits: LogLimits,
    /// Records below this severity are not made; those without a severity always are. Default: all are made.
    pub minimum_severity: Severity,
    /// Whether attributes travel as attributes. If not, a record has none, and its body is a text with the attributes
    /// behind the message: `card declined attempt=2`. Default: they do.
    pub is_structured: bool,
    /// Whether and how identical records are folded into one. Default: they are not.
    pub aggregation: Option<LogAggregation>,
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig {
            is_enabled: true,
            limits: LogLimits::default(),
            minimum_severity: Severity::Unspecified,
            is_structured: true,
            aggregation: None,
        }
    }
}
