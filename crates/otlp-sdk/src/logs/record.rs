//! A log record while it is being made.

use std::{fmt, time::SystemTime};

use otlp_core::{AttributeSet, AttributeValue, Signal, TraceContext, data::Severity, wire::encode};

use super::{
    aggregation::Emitted,
    encoding::{LOG_RECORDS, LogProgress, field, put_body, put_ids, put_text},
    plain_text,
    shared::Shared,
};
use crate::{
    clock::{Moment, unix_nanos},
    context,
    record::{self, Recording},
};

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
