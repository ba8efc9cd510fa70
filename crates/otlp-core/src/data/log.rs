//! Owned log records.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Resource, Scope};
use crate::{Attributes, SpanId, TraceId, Value};

/// A log record.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LogData {
    /// When it happened: nanoseconds since the Unix epoch, zero if unknown.
    pub timestamp: u64,
    /// When the record was made: nanoseconds since the Unix epoch.
    pub observed_timestamp: u64,
    /// How severe it is.
    pub severity: Severity,
    /// The severity in the source's own words, or empty.
    pub severity_text: String,
    /// The message.
    pub body: Value,
    /// The attributes.
    pub attributes: Attributes,
    /// How many attributes a limit removed.
    pub dropped_attributes_count: u32,
    /// Bits 0–7: the W3C trace flags.
    pub flags: u32,
    /// The trace that was active.
    pub trace_id: Option<TraceId>,
    /// The span that was active.
    pub span_id: Option<SpanId>,
    /// The kind of event, or empty.
    pub event_name: String,
    /// Who produced it.
    pub resource: Arc<Resource>,
    /// Which part of it.
    pub scope: Arc<Scope>,
}

/// The severity number of the log data model: 1–24 in six groups of four, 0 if unspecified.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Severity(u8);

#[allow(non_upper_case_globals)]
impl Severity {
    /// Not said.
    pub const Unspecified: Severity = Severity(0);
    /// The finest detail.
    pub const Trace: Severity = Severity(1);
    /// Of use when debugging.
    pub const Debug: Severity = Severity(5);
    /// Something that happens normally.
    pub const Info: Severity = Severity(9);
    /// Something to look at.
    pub const Warn: Severity = Severity(13);
    /// Something failed.
    pub const Error: Severity = Severity(17);
    /// The program cannot go on.
    pub const Fatal: Severity = Severity(21);

    /// The severity of this number; what is outside of 0–24 is unspecified.
    pub const fn from_number(number: i32) -> Self {
        if number >= 0 && number <= 24 { Severity(number as u8) } else { Severity(0) }
    }

    /// 0–24.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The group's name, `INFO` for 9–12, and so on; empty if unspecified.
    pub const fn name(self) -> &'static str {
        match self.0 {
            1..=4 => "TRACE",
            5..=8 => "DEBUG",
            9..=12 => "INFO",
            13..=16 => "WARN",
            17..=20 => "ERROR",
            21..=24 => "FATAL",
            _ => "",
        }
    }
}

impl fmt::Debug for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("UNSPECIFIED"),
            number => match (number - 1) % 4 {
                0 => f.write_str(self.name()),
                step => write!(f, "{}{}", self.name(), step + 1),
            },
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_print_as_the_data_model_names_them() {
        assert_eq!(Severity::Info.to_string(), "INFO");
        assert_eq!(Severity::from_number(12).to_string(), "INFO4");
        assert_eq!(Severity::from_number(99), Severity::Unspecified);
        assert!(Severity::Warn < Severity::Error);
    }
}
