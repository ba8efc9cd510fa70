//! Log records.

use std::sync::Arc;

use super::{
    error::JsonError,
    object::Object,
    value::{attributes, value},
};
use crate::data::{LogData, Resource, Scope, Severity};

const SEVERITIES: &[(&str, i32)] = &[
    ("UNSPECIFIED", 0),
    ("TRACE", 1),
    ("TRACE2", 2),
    ("TRACE3", 3),
    ("TRACE4", 4),
    ("DEBUG", 5),
    ("DEBUG2", 6),
    ("DEBUG3", 7),
    ("DEBUG4", 8),
    ("INFO", 9),
    ("INFO2", 10),
    ("INFO3", 11),
    ("INFO4", 12),
    ("WARN", 13),
    ("WARN2", 14),
    ("WARN3", 15),
    ("WARN4", 16),
    ("ERROR", 17),
    ("ERROR2", 18),
    ("ERROR3", 19),
    ("ERROR4", 20),
    ("FATAL", 21),
    ("FATAL2", 22),
    ("FATAL3", 23),
    ("FATAL4", 24),
];

pub(super) fn log(
    object: &mut Object<'_, '_>,
    resource: &Arc<Resource>,
    scope: &Arc<Scope>,
) -> Result<LogData, JsonError> {
    Ok(LogData {
        timestamp: object.uint64("timeUnixNano")?,
        observed_timestamp: object.uint64("observedTimeUnixNano")?,
        severity: Severity::from_number(object.enumeration("severityNumber", "SEVERITY_NUMBER_", SEVERITIES)?),
        severity_text: object.string("severityText")?,
        body: object.nested("body", value)?,
        attributes: attributes(object, "attributes")?,
        dropped_attributes_count: object.uint32("droppedAttributesCount")?,
        flags: object.uint32("flags")?,
        trace_id: object.valid_trace_id("traceId")?,
        span_id: object.valid_span_id("spanId")?,
        event_name: object.string("eventName")?,
        resource: resource.clone(),
        scope: scope.clone(),
    })
}
