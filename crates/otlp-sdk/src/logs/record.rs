//! A log record while it is being made (`opentelemetry.proto.logs.v1.LogRecord`).

use std::{fmt, time::SystemTime};

use otlp_core::{AttributeSet, AttributeValue, Signal, TraceContext, ValueRef, data::Severity, wire::encode};

use super::logger::Shared;
use crate::{
    clock::unix_nanos,
    context,
    record::{self, Recording, Uncommitted},
};

/// The field of `ScopeLogs` that holds records.
const LOG_RECORDS: u32 = 2;

/// Field numbers of `LogRecord`.
mod field {
    pub(super) const TIME: u32 = 1;
    pub(super) const SEVERITY_NUMBER: u32 = 2;
    pub(super) const SEVERITY_TEXT: u32 = 3;
    pub(super) const BODY: u32 = 5;
    pub(super) const ATTRIBUTES: u32 = 6;
    pub(super) const DROPPED_ATTRIBUTES: u32 = 7;
    pub(super) const FLAGS: u32 = 8;
    pub(super) const TRACE_ID: u32 = 9;
    pub(super) const SPAN_ID: u32 = 10;
    pub(super) const OBSERVED_TIME: u32 = 11;
    pub(super) const EVENT_NAME: u32 = 12;
}

/// A log record being described (OpenTelemetry specification, Logs API, "Emit a LogRecord").
///
/// It belongs to the span that is active when it is emitted, unless [`LogRecord::context`] names another. Below the
/// logger's minimum severity all methods do nothing. What the limits forbid, or what would make the record too large to
/// deliver, is left out and counted on it.
#[must_use = "only `emit` sends the record"]
pub struct LogRecord<'a> {
    logger: &'a Shared,
    /// `None` if the severity is not enabled.
    recording: Option<Box<Recording>>,
    severity: Severity,
    severity_text: Option<&'a str>,
    event_name: &'a str,
    timestamp: Option<u64>,
    observed_timestamp: Option<u64>,
    context: Option<TraceContext>,
    /// Parts that could not be kept beside the attributes that their table counted.
    dropped: u32,
}

impl<'a> LogRecord<'a> {
    #[inline]
    pub(super) fn new(logger: &'a Shared, severity: Severity, is_enabled: bool) -> Self {
        LogRecord {
            logger,
            recording: is_enabled.then(|| record::take(logger.max_record_bytes)),
            severity,
            severity_text: None,
            event_name: "",
            timestamp: None,
            observed_timestamp: None,
            context: None,
            dropped: 0,
        }
    }

    /// Sets the message: a string, or any other value. A string that is too large to deliver is cut; any other value is
    /// left out and counted with the dropped attributes.
    #[inline]
    pub fn body(mut self, body: impl AttributeValue) -> Self {
        if let Some(recording) = &mut self.recording {
            recording.text.clear();
            let is_kept = put_body(recording, body.as_value());
            self.dropped += u32::from(!is_kept);
        }
        self
    }

    /// Sets an attribute, replacing an earlier value of the same key.
    #[inline]
    pub fn attribute(mut self, key: impl AsRef<str>, value: impl AttributeValue) -> Self {
        if let Some(recording) = &mut self.recording {
            let limit = self.logger.config.limits.attributes();
            recording.set_attribute(field::ATTRIBUTES, key.as_ref(), value.as_value(), limit);
        }
        self
    }

    /// Sets several attributes.
    #[inline]
    pub fn attributes(mut self, attributes: impl AttributeSet) -> Self {
        if let Some(recording) = &mut self.recording {
            let limit = self.logger.config.limits.attributes();
            attributes.for_each(|key, value| recording.set_attribute(field::ATTRIBUTES, key, value, limit));
        }
        self
    }

    /// Sets the severity in the source's own words; default the name of its number, such as `INFO`.
    pub fn severity_text(mut self, text: &'a str) -> Self {
        self.severity_text = Some(text);
        self
    }

    /// Makes the record an event of this kind.
    pub fn event_name(mut self, name: &'a str) -> Self {
        self.event_name = name;
        self
    }

    /// Sets when it happened; default now.
    pub fn timestamp(mut self, time: SystemTime) -> Self {
        self.timestamp = Some(unix_nanos(time));
        self
    }

    /// Sets when it was first seen, for records that come from elsewhere; default now.
    pub fn observed_timestamp(mut self, time: SystemTime) -> Self {
        self.observed_timestamp = Some(unix_nanos(time));
        self
    }

    /// Sets the span that the record belongs to, in place of the active one; an invalid one means none.
    pub fn context(mut self, context: &TraceContext) -> Self {
        self.context = Some(context.clone());
        self
    }

    /// Sends the record.
    #[inline]
    pub fn emit(mut self) {
        let Some(mut recording) = self.recording.take() else {
            return;
        };
        self.finish(&mut recording);
        let body = &recording.body;
        let len = encode::bytes_len(LOG_RECORDS, body.len());
        self.logger.intake.append(Signal::Logs, &self.logger.scope, 1, len, |chunk| {
            encode::put_bytes(chunk, LOG_RECORDS, body);
        });
        record::give_back(recording);
    }

    /// Writes all that is not an attribute.
    #[inline]
    fn finish(&mut self, recording: &mut Recording) {
        let now = self.logger.clock.now().unix_nanos;
        // Texts of any length, first: they may take what room there is, and are cut beyond it.
        put_text(recording, field::EVENT_NAME, self.event_name);
        put_text(recording, field::SEVERITY_TEXT, self.severity_text.unwrap_or(self.severity.name()));
        let Recording { body, text, attributes, .. } = recording;
        encode::put_fixed64(body, field::TIME, self.timestamp.unwrap_or(now));
        encode::put_fixed64(body, field::OBSERVED_TIME, self.observed_timestamp.unwrap_or(now));
        encode::put_uint(body, field::SEVERITY_NUMBER, u64::from(self.severity.number()));
        if !text.is_empty() {
            encode::put_bytes(body, field::BODY, text);
        }
        let dropped = attributes.dropped().saturating_add(self.dropped);
        encode::put_uint(body, field::DROPPED_ATTRIBUTES, u64::from(dropped));
        let context = self.context.take().or_else(context::active_span);
        if let Some(context) = context.filter(TraceContext::is_valid) {
            encode::put_bytes(body, field::TRACE_ID, context.trace_id.as_bytes());
            encode::put_bytes(body, field::SPAN_ID, context.span_id.as_bytes());
            encode::put_fixed32(body, field::FLAGS, u32::from(context.flags.to_byte()));
        }
    }
}

/// Encodes the body into the recording's text; whether it fits.
#[inline]
fn put_body(recording: &mut Recording, body: ValueRef<'_>) -> bool {
    let room = recording.room();
    let body = match body {
        ValueRef::Str(text) => ValueRef::Str(&text[..text.floor_char_boundary(room.saturating_sub(8))]),
        other => other,
    };
    let len = encode::any_value_len(body, None);
    if len > room {
        return false;
    }
    let mut text = Uncommitted::new(&mut recording.text);
    encode::put_any_value(&mut text, body, None);
    // A value that answers differently when asked twice would spoil the whole batch.
    let is_whole = text.appended() == len;
    if is_whole {
        text.commit();
    }
    is_whole
}

#[inline]
fn put_text(recording: &mut Recording, field: u32, text: &str) {
    // Tag and length take up to six bytes.
    let taken = text.floor_char_boundary(recording.room().saturating_sub(6));
    encode::put_string(&mut recording.body, field, &text[..taken]);
}

impl Drop for LogRecord<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(recording) = self.recording.take() {
            record::give_back(recording);
        }
    }
}

impl fmt::Debug for LogRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogRecord")
            .field("severity", &self.severity)
            .field("event_name", &self.event_name)
            .finish_non_exhaustive()
    }
}
