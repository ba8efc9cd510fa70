//! What a logger provider is configured with.

use otlp_core::{data::Severity, wire::encode::ValueLimit};

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

/// How a [`LoggerProvider`](super::LoggerProvider) limits and filters its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogConfig {
    /// The limits.
    pub limits: LogLimits,
    /// Records below this severity are not made; those without a severity always are. Default: all are made.
    pub minimum_severity: Severity,
}
