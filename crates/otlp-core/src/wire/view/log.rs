//! Log records (OTLP logs protocol, message `LogRecord`).

use std::sync::Arc;

use super::{AnyValueView, AttributesView, Messages, View, ids};
use crate::{
    SpanId, TraceId,
    data::{LogData, Resource, Scope, Severity},
    wire::decode::{Content, DecodeError},
};

/// A log record. Its fields are those of [`LogData`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct LogView<'a> {
    /// When it happened: nanoseconds since the Unix epoch, zero if unknown.
    pub timestamp: u64,
    /// When the record was made: nanoseconds since the Unix epoch.
    pub observed_timestamp: u64,
    /// How severe it is.
    pub severity: Severity,
    /// The severity in the source's own words, or empty.
    pub severity_text: &'a str,
    /// The message.
    pub body: AnyValueView<'a>,
    /// The attributes.
    pub attributes: AttributesView<'a>,
    /// How many attributes a limit removed.
    pub dropped_attributes_count: u32,
    /// Bits 0–7: the W3C trace flags.
    pub flags: u32,
    /// The trace that was active.
    pub trace_id: Option<TraceId>,
    /// The span that was active.
    pub span_id: Option<SpanId>,
    /// The kind of event, or empty.
    pub event_name: &'a str,
}

impl<'a> View<'a> for LogView<'a> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut log = LogView {
            timestamp: 0,
            observed_timestamp: 0,
            severity: Severity::Unspecified,
            severity_text: "",
            body: AnyValueView::Empty,
            attributes: Messages::none(6),
            dropped_attributes_count: 0,
            flags: 0,
            trace_id: None,
            span_id: None,
            event_name: "",
        };
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                1 => log.timestamp = field.fixed64()?,
                2 => log.severity = Severity::from_number(field.enumeration()?),
                3 => log.severity_text = field.string()?,
                5 => log.body = AnyValueView::read(field.message()?)?,
                6 => log.attributes.include(&content, &field)?,
                7 => log.dropped_attributes_count = field.uint32()?,
                8 => log.flags = field.fixed32()?,
                9 => log.trace_id = ids::valid_trace_id(&field)?,
                10 => log.span_id = ids::valid_span_id(&field)?,
                11 => log.observed_timestamp = field.fixed64()?,
                12 => log.event_name = field.string()?,
                _ => {}
            }
        }
        Ok(log)
    }
}

impl LogView<'_> {
    /// Copies into owned data.
    ///
    /// # Errors
    /// If something nested cannot be read.
    pub fn to_data(&self, resource: &Arc<Resource>, scope: &Arc<Scope>) -> Result<LogData, DecodeError> {
        Ok(LogData {
            timestamp: self.timestamp,
            observed_timestamp: self.observed_timestamp,
            severity: self.severity,
            severity_text: self.severity_text.to_owned(),
            body: self.body.to_value()?,
            attributes: self.attributes.to_attributes()?,
            dropped_attributes_count: self.dropped_attributes_count,
            flags: self.flags,
            trace_id: self.trace_id,
            span_id: self.span_id,
            event_name: self.event_name.to_owned(),
            resource: resource.clone(),
            scope: scope.clone(),
        })
    }
}
