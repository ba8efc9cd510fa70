//! A log record while it is being made (`opentelemetry.proto.logs.v1.LogRecord`).

use std::{fmt, time::SystemTime};

use otlp_core::{AttributeSet, AttributeValue, Signal, TraceContext, ValueRef, data::Severity, wire::encode};

use super::{aggregation::Emitted, logger::Shared, plain_text};
use crate::{
    clock::{Moment, unix_nanos},
    context,
    record::{self, Recording, Uncommitted},
};

/// The field of `ScopeLogs` that holds records.
pub(super) const LOG_RECORDS: u32 = 2;

/// Field numbers of `LogRecord`.
pub(super) mod field {
    pub(in crate::logs) const TIME: u32 = 1;
    pub(in crate::logs) const SEVERITY_NUMBER: u32 = 2;
    pub(in crate::logs) const SEVERITY_TEXT: u32 = 3;
    pub(in crate::logs) const BODY: u32 = 5;
    pub(in crate::logs) const ATTRIBUTES: u32 = 6;
    pub(in crate::logs) const DROPPED_ATTRIBUTES: u32 = 7;
    pub(in crate::logs) const FLAGS: u32 = 8;
    pub(in crate::logs) const TRACE_ID: u32 = 9;
    pub(in crate::logs) const SPAN_ID: u32 = 10;
    pub(in crate::logs) const OBSERVED_TIME: u32 = 11;
    pub(in crate::logs) const EVENT_NAME: u32 = 12;
}

/// A log record being described (OpenTelemetry specification, Logs API, "Emit a LogRecord").
///
/// It belongs to the span that is active when it is emitted, unless [`LogRecord::context`] names another. Below the
/// logger's minimum severity all methods do nothing. What the limits forbid, or what would make the record too large to
/// deliver, is left out and counted on it.
#[must_use = "only `emit` sends the record"]
pub struct LogRecord<'a> {
    // Small, for each method moves it: all that a record knows is in its recording.
    logger: &'a Shared,
    /// `None` if the severity is not enabled.
    recording: Option<Box<Recording>>,
    severity: Severity,
}

/// What a log record knows beside its bytes.
#[derive(Debug, Default)]
pub(crate) struct LogProgress {
    /// Nanoseconds since the Unix epoch.
    timestamp: Option<u64>,
    /// Nanoseconds since the Unix epoch.
    observed_timestamp: Option<u64>,
    context: Option<TraceContext>,
    has_severity_text: bool,
    /// Where the body's field is.
    body_start: usize,
    body_len: usize,
    /// Whether there is a body that is no string.
    has_other_body: bool,
    /// Parts that could not be kept beside the attributes that their table counted.
    dropped: u32,
}

impl LogProgress {
    /// Whether the body is a string, or there is none.
    pub(super) fn body_is_text(&self) -> bool {
        !self.has_other_body
    }

    /// Counts parts that could not be kept.
    pub(super) fn count_dropped(&mut self, parts: u32) {
        self.dropped = self.dropped.saturating_add(parts);
    }
}

impl<'a> LogRecord<'a> {
    #[inline]
    pub(super) fn new(logger: &'a Shared, severity: Severity, is_enabled: bool) -> Self {
        let begin = || {
            let mut recording = record::take(logger.max_record_bytes, logger.config.limits.attributes());
            recording.log = LogProgress::default();
            recording
        };
        LogRecord { logger, recording: is_enabled.then(begin), severity }
    }

    /// Sets the message: a string, or any other value. A string that is too large to deliver is cut; any other value is
    /// left out and counted with the dropped attributes.
    #[inline]
    pub fn body(mut self, body: impl AttributeValue) -> Self {
        if let Some(recording) = &mut self.recording {
            put_body(recording, body.as_value());
        }
        self
    }

    /// Sets an attribute, replacing an earlier value of the same key.
    #[inline]
    pub fn attribute(mut self, key: impl AsRef<str>, value: impl AttributeValue) -> Self {
        if let Some(recording) = &mut self.recording {
            recording.set_attribute(field::ATTRIBUTES, key.as_ref(), value.as_value());
        }
        self
    }

    /// Sets several attributes.
    #[inline]
    pub fn attributes(mut self, attributes: impl AttributeSet) -> Self {
        if let Some(recording) = &mut self.recording {
            attributes.for_each(|key, value| recording.set_attribute(field::ATTRIBUTES, key, value));
        }
        self
    }

    /// Sets the severity in the source's own words; default the name of its number, such as `INFO`.
    #[inline]
    pub fn severity_text(mut self, text: &str) -> Self {
        if let Some(recording) = &mut self.recording {
            recording.log.has_severity_text = true;
            put_text(recording, field::SEVERITY_TEXT, text);
        }
        self
    }

    /// Makes the record an event of this kind.
    #[inline]
    pub fn event_name(mut self, name: &str) -> Self {
        if let Some(recording) = &mut self.recording {
            put_text(recording, field::EVENT_NAME, name);
        }
        self
    }

    /// Sets when it happened; default now.
    pub fn timestamp(mut self, time: SystemTime) -> Self {
        if let Some(recording) = &mut self.recording {
            recording.log.timestamp = Some(unix_nanos(time));
        }
        self
    }

    /// Sets when it was first seen, for records that come from elsewhere; default now.
    pub fn observed_timestamp(mut self, time: SystemTime) -> Self {
        if let Some(recording) = &mut self.recording {
            recording.log.observed_timestamp = Some(unix_nanos(time));
        }
        self
    }

    /// Sets the span that the record belongs to, in place of the active one; an invalid one means none.
    pub fn context(mut self, context: &TraceContext) -> Self {
        if let Some(recording) = &mut self.recording {
            recording.log.context = Some(context.clone());
        }
        self
    }

    /// Sends the record, at once or, if its provider folds identical records, at the end of the interval.
    #[inline]
    pub fn emit(mut self) {
        let Some(mut recording) = self.recording.take() else {
            return;
        };
        if !recording.log.has_severity_text {
            put_text(&mut recording, field::SEVERITY_TEXT, self.severity.name());
        }
        if !self.logger.config.is_structured {
            plain_text::fold_attributes(&mut recording);
        }
        let now = self.logger.clock.now();
        let context = recording.log.context.take().or_else(context::active_span).filter(TraceContext::is_valid);
        if !self.is_folded(&mut recording, now, context.as_ref()) {
            self.finish(&mut recording, now, context.as_ref());
            let len = encode::bytes_len(LOG_RECORDS, recording.len());
            let write = |chunk: &mut Vec<u8>| recording.put(chunk, LOG_RECORDS);
            self.logger.intake.append(Signal::Logs, &self.logger.scope, 1, len, write);
        }
        record::give_back(recording);
    }

    /// Whether the provider holds the record back, or counts it with one that it holds back.
    #[inline]
    fn is_folded(&self, recording: &mut Recording, now: Moment, context: Option<&TraceContext>) -> bool {
        let Some(aggregator) = &self.logger.aggregator else { return false };
        let emitted = Emitted {
            scope: &self.logger.scope,
            severity: self.severity,
            max_record_bytes: self.logger.max_record_bytes,
            now,
            timestamp: recording.log.timestamp.unwrap_or(now.unix_nanos),
            observed: recording.log.observed_timestamp.unwrap_or(now.unix_nanos),
            dropped: recording.attributes.dropped().saturating_add(recording.log.dropped),
            context,
        };
        aggregator.fold(recording, &emitted)
    }

    /// Writes what is known only now.
    #[inline]
    fn finish(&self, recording: &mut Recording, now: Moment, context: Option<&TraceContext>) {
        let now = now.unix_nanos;
        let Recording { fields, attributes, log, .. } = recording;
        encode::put_fixed64(fields, field::TIME, log.timestamp.unwrap_or(now));
        encode::put_fixed64(fields, field::OBSERVED_TIME, log.observed_timestamp.unwrap_or(now));
        encode::put_uint(fields, field::SEVERITY_NUMBER, u64::from(self.severity.number()));
        encode::put_uint(
            fields,
            field::DROPPED_ATTRIBUTES,
            u64::from(attributes.dropped().saturating_add(log.dropped)),
        );
        put_ids(fields, context);
    }
}

/// Writes the span that a record belongs to, as far as its ids are valid.
#[inline]
pub(super) fn put_ids(out: &mut Vec<u8>, context: Option<&TraceContext>) {
    let Some(context) = context else { return };
    encode::put_bytes(out, field::TRACE_ID, context.trace_id.as_bytes());
    if context.span_id.is_valid() {
        encode::put_bytes(out, field::SPAN_ID, context.span_id.as_bytes());
    }
    encode::put_fixed32(out, field::FLAGS, u32::from(context.flags.to_byte()));
}

/// Writes the body in place of an earlier one, or counts that it does not fit.
#[inline]
pub(super) fn put_body(recording: &mut Recording, value: ValueRef<'_>) {
    let Recording { fields, log, .. } = recording;
    log.has_other_body = !matches!(value, ValueRef::Str(_));
    if log.body_len > 0 {
        fields.drain(log.body_start..log.body_start + log.body_len);
        log.body_len = 0;
    }
    // Tags and lengths of the field and of the text take up to twelve bytes.
    let room = recording.room().saturating_sub(12);
    let value = match value {
        ValueRef::Str(text) => ValueRef::Str(&text[..text.floor_char_boundary(room)]),
        other => other,
    };
    let Recording { fields, log, .. } = recording;
    let len = encode::any_value_len(value, None);
    if len > room + 6 {
        log.dropped = log.dropped.saturating_add(1);
        return;
    }
    log.body_start = fields.len();
    let mut field = Uncommitted::new(fields);
    encode::put_len(&mut field, field::BODY, len);
    let prefix = field.appended();
    encode::put_any_value(&mut field, value, None);
    // A value that answers differently when asked twice would spoil the whole batch.
    if field.appended() == prefix + len {
        log.body_len = prefix + len;
        field.commit();
    } else {
        log.dropped = log.dropped.saturating_add(1);
    }
}

#[inline]
fn put_text(recording: &mut Recording, field: u32, text: &str) {
    // Tag and length take up to six bytes.
    let taken = text.floor_char_boundary(recording.room().saturating_sub(6));
    encode::put_string(&mut recording.fields, field, &text[..taken]);
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
            .field("is_enabled", &self.recording.is_some())
            .finish_non_exhaustive()
    }
}
