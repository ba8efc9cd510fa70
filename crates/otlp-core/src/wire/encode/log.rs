//! Owned log records (OTLP logs protocol, message `LogRecord`).

use super::{
    any_value_len,
    owned::{put_attributes, put_nonzero_fixed64, put_span_id, put_trace_id},
    put_any_value, put_fixed32, put_len, put_string, put_uint,
};
use crate::{AttributeValue, Value, data::LogData};

/// Appends the content of a `LogRecord` message.
pub fn log(log: &LogData, out: &mut Vec<u8>) {
    put_nonzero_fixed64(out, 1, log.timestamp);
    put_uint(out, 2, log.severity.number().into());
    put_string(out, 3, &log.severity_text);
    if log.body != Value::Empty {
        put_len(out, 5, any_value_len(log.body.as_value(), None));
        put_any_value(out, log.body.as_value(), None);
    }
    put_attributes(out, 6, &log.attributes);
    put_uint(out, 7, log.dropped_attributes_count.into());
    put_fixed32(out, 8, log.flags);
    put_trace_id(out, 9, log.trace_id.unwrap_or_default());
    put_span_id(out, 10, log.span_id.unwrap_or_default());
    put_nonzero_fixed64(out, 11, log.observed_timestamp);
    put_string(out, 12, &log.event_name);
}
