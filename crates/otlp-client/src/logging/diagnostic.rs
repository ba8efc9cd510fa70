//! A message of the client about itself.

use std::{fmt, time::SystemTime};

use otlp_core::{Attributes, Value};

use super::json;
use crate::LogLevel;

/// A message of the client about itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Whether data was lost.
    pub severity: DiagnosticSeverity,
    /// What happened, what it means, and what can be done. Never a secret.
    pub message: String,
    /// How many messages of the same kind were left out since the last one.
    pub suppressed: u64,
    /// What the message speaks of, for programs: `signal`, `destination`, `items`, `reason`, `endpoint`, as far as it speaks
    /// of such.
    pub fields: Attributes,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiagnosticSeverity {
    /// Each batch that is delivered.
    Trace,
    /// What the client does when nothing is wrong.
    Debug,
    /// What was wrong is well again.
    Info,
    /// Nothing is lost yet.
    Warning,
    /// Items were lost.
    Error,
}

impl DiagnosticSeverity {
    /// Whether a client of this level says it.
    pub(crate) fn is_said_at(self, level: LogLevel) -> bool {
        let least = match level {
            LogLevel::Trace => DiagnosticSeverity::Trace,
            LogLevel::Debug => DiagnosticSeverity::Debug,
            LogLevel::Info => DiagnosticSeverity::Info,
            LogLevel::Warn => DiagnosticSeverity::Warning,
            LogLevel::Error => DiagnosticSeverity::Error,
            LogLevel::Off => return false,
        };
        self >= least
    }
}

impl Diagnostic {
    /// The message as one JSON object without line breaks: `timestamp` (RFC 3339, in UTC), `level`, `target` (always
    /// `otlp`), `message`, `suppressed` if any were, and the fields.
    ///
    /// ```
    /// use std::time::UNIX_EPOCH;
    /// use otlp_client::EnhancedOtlpClient;
    ///
    /// let sink = |diagnostic: &otlp_client::Diagnostic| {
    ///     let line = diagnostic.to_json(UNIX_EPOCH);
    ///     assert!(line.starts_with(r#"{"timestamp":"1970-01-01T00:00:00.000Z","level":"#));
    /// };
    /// let builder = EnhancedOtlpClient::builder().with_diagnostics(sink);
    /// # drop(builder);
    /// ```
    pub fn to_json(&self, at: SystemTime) -> String {
        json::line(self, at)
    }
}

impl fmt::Display for DiagnosticSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DiagnosticSeverity::Trace => "trace",
            DiagnosticSeverity::Debug => "debug",
            DiagnosticSeverity::Info => "info",
            DiagnosticSeverity::Warning => "warning",
            DiagnosticSeverity::Error => "error",
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "otlp: {}: {}", self.severity, self.message)?;
        match self.suppressed {
            0 => Ok(()),
            count => write!(f, " ({count} more like this since the last message)"),
        }
    }
}

/// What is said, before it is a [`Diagnostic`].
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(super) text: String,
    pub(super) fields: Attributes,
}

impl Message {
    /// Adds what the message speaks of.
    pub(crate) fn field(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.set(name, value);
        self
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Message { text, fields: Attributes::default() }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Message::from(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_says_what_is_as_severe_or_more() {
        use DiagnosticSeverity::{Debug, Error, Info, Trace, Warning};
        let all = [Trace, Debug, Info, Warning, Error];
        for (level, expected) in [
            (LogLevel::Trace, &all[..]),
            (LogLevel::Debug, &all[1..]),
            (LogLevel::Info, &all[2..]),
            (LogLevel::Warn, &all[3..]),
            (LogLevel::Error, &all[4..]),
            (LogLevel::Off, &[]),
        ] {
            let said: Vec<_> = all.into_iter().filter(|severity| severity.is_said_at(level)).collect();
            assert_eq!(said, expected, "{level:?}");
        }
    }
}
