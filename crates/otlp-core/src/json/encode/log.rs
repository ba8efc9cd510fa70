//! Log records.

use super::{
    value::{put_attributes, put_value},
    writer::Object,
};
use crate::wire::{
    decode::DecodeError,
    view::{AnyValueView, LogView},
};

pub(super) fn put_log(object: &mut Object<'_>, log: &LogView<'_>) -> Result<(), DecodeError> {
    object.uint64("timeUnixNano", log.timestamp);
    object.uint64("observedTimeUnixNano", log.observed_timestamp);
    object.uint32("severityNumber", log.severity.number().into());
    object.string("severityText", log.severity_text);
    if !matches!(log.body, AnyValueView::Empty) {
        put_value(object.key("body"), &log.body)?;
    }
    put_attributes(object, "attributes", log.attributes)?;
    object.uint32("droppedAttributesCount", log.dropped_attributes_count);
    object.uint32("flags", log.flags);
    object.trace_id("traceId", log.trace_id.unwrap_or_default());
    object.span_id("spanId", log.span_id.unwrap_or_default());
    object.string("eventName", log.event_name);
    Ok(())
}
