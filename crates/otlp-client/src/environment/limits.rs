//! The limits of attributes, spans and log records. A limit of a kind of record beats the general one.

use otlp_sdk::{logs::LogLimits, trace::SpanLimits};

use super::reader::Reader;

/// Of a count, and of a length in characters: records are bounded in bytes anyway.
const MOST: usize = u32::MAX as usize;

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    pub(super) fn span_limits(&mut self) -> Option<SpanLimits> {
        let general = self.limit("OTEL_ATTRIBUTE_COUNT_LIMIT");
        let length = self.limit("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT");
        let length = length.or_else(|| self.limit("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"));
        let default = SpanLimits::default();
        let mut count = |name, fallback: Option<usize>, default| self.limit(name).or(fallback).unwrap_or(default);
        let limits = SpanLimits {
            attribute_count: count("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", general, default.attribute_count),
            event_count: count("OTEL_SPAN_EVENT_COUNT_LIMIT", None, default.event_count),
            link_count: count("OTEL_SPAN_LINK_COUNT_LIMIT", None, default.link_count),
            attributes_per_event: count("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", general, default.attributes_per_event),
            attributes_per_link: count("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", general, default.attributes_per_link),
            value_length: length.or(default.value_length),
        };
        (limits != default).then_some(limits)
    }

    pub(super) fn log_limits(&mut self) -> Option<LogLimits> {
        let count = self.limit("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT");
        let count = count.or_else(|| self.limit("OTEL_ATTRIBUTE_COUNT_LIMIT"));
        let length = self.limit("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT");
        let length = length.or_else(|| self.limit("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"));
        let default = LogLimits::default();
        let limits = LogLimits {
            attribute_count: count.unwrap_or(default.attribute_count),
            value_length: length.or(default.value_length),
        };
        (limits != default).then_some(limits)
    }

    fn limit(&mut self, name: &str) -> Option<usize> {
        self.number(name, 0, MOST)
    }
}
