//! A message as a line of JSON, for programs that read the log of the program.

use std::time::SystemTime;

use otlp_core::{Attributes, Value};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{Diagnostic, DiagnosticSeverity};

#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    level: &'static str,
    target: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    suppressed: u64,
    #[serde(flatten)]
    fields: Fields<'a>,
}

struct Fields<'a>(&'a Attributes);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for field in self.0 {
            match &field.value {
                Value::String(value) => map.serialize_entry(&field.key, value)?,
                Value::Bool(value) => map.serialize_entry(&field.key, value)?,
                Value::I64(value) => map.serialize_entry(&field.key, value)?,
                Value::F64(value) => map.serialize_entry(&field.key, value)?,
                other => map.serialize_entry(&field.key, other)?,
            }
        }
        map.end()
    }
}

/// Without line break.
pub(super) fn line(diagnostic: &Diagnostic, at: SystemTime) -> String {
    let line = Line {
        timestamp: timestamp(at),
        level: level(diagnostic.severity),
        target: "otlp",
        message: &diagnostic.message,
        suppressed: diagnostic.suppressed,
        fields: Fields(&diagnostic.fields),
    };
    // Text, numbers and keys that are text: nothing of it can fail.
    serde_json::to_string(&line).unwrap_or_default()
}

/// The names that [`LogLevel`](crate::LogLevel) has for them.
fn level(severity: DiagnosticSeverity) -> &'static str {
    match severity {
        DiagnosticSeverity::Trace => "trace",
        DiagnosticSeverity::Debug => "debug",
        DiagnosticSeverity::Info => "info",
        DiagnosticSeverity::Warning => "warn",
        DiagnosticSeverity::Error => "error",
    }
}

fn timestamp(at: SystemTime) -> String {
    // A clock before 1970 or after 9999 cannot be written, and panics the crate that writes it.
    let is_writable = at >= SystemTime::UNIX_EPOCH
        && at.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| since.as_secs() < 253_402_300_800);
    let at = if is_writable { at } else { SystemTime::UNIX_EPOCH };
    humantime::format_rfc3339_millis(at).to_string()
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use otlp_core::KeyValue;

    use super::*;

    #[test]
    fn a_message_is_an_object_whose_fields_are_typed() {
        let diagnostic = Diagnostic {
            severity: DiagnosticSeverity::Warning,
            message: "a \"quoted\"\nline".into(),
            suppressed: 2,
            fields: vec![KeyValue::new("signal", "traces"), KeyValue::new("items", 3)].into(),
        };
        assert_eq!(
            line(&diagnostic, UNIX_EPOCH + Duration::from_millis(1_500)),
            r#"{"timestamp":"1970-01-01T00:00:01.500Z","level":"warn","target":"otlp","message":"a \"quoted\"\nline","suppressed":2,"signal":"traces","items":3}"#
        );
        let alone = Diagnostic { suppressed: 0, fields: Attributes::default(), ..diagnostic };
        assert!(line(&alone, UNIX_EPOCH).ends_with(r#"line"}"#));
    }

    #[test]
    fn a_clock_that_is_far_off_is_no_panic() {
        for at in [UNIX_EPOCH - Duration::from_secs(1), UNIX_EPOCH + Duration::from_secs(300_000_000_000)] {
            assert_eq!(timestamp(at), "1970-01-01T00:00:00.000Z");
        }
    }
}
