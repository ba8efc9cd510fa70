//! The encoding of a log record (`opentelemetry.proto.logs.v1.LogRecord`), field by field as they become known.

use otlp_core::{TraceContext, ValueRef, wire::encode};

use crate::record::{Recording, Uncommitted};

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

/// What a log record knows beside its bytes.
#[derive(Debug, Default)]
pub(crate) struct LogProgress {
    /// Nanoseconds since the Unix epoch.
    pub(super) timestamp: Option<u64>,
    /// Nanoseconds since the Unix epoch.
    pub(super) observed_timestamp: Option<u64>,
    pub(super) context: Option<TraceContext>,
    pub(super) has_severity_text: bool,
    /// Where the body's field is.
    body_start: usize,
    body_len: usize,
    /// Whether there is a body that is no string.
    has_other_body: bool,
    /// Parts that could not be kept beside the attributes that their table counted.
    pub(super) dropped: u32,
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

/// Writes a text, or as much of it as there is room for.
#[inline]
pub(super) fn put_text(recording: &mut Recording, field: u32, text: &str) {
    // Tag and length take up to six bytes.
    let taken = text.floor_char_boundary(recording.room().saturating_sub(6));
    encode::put_string(&mut recording.fields, field, &text[..taken]);
}
