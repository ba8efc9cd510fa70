//! Log records.

use std::sync::Arc;

use otlp_core::data::{LogData, Severity};

use super::{
    InvalidId,
    common::{attributes, resource, scope, span_id, trace_id, value},
};
use crate::message::{collector::ExportLogsServiceRequest, logs as message};

/// The log records of a request, in its order.
pub(crate) fn logs(request: ExportLogsServiceRequest) -> Result<Vec<LogData>, InvalidId> {
    let mut logs = Vec::new();
    for group in request.resource_logs {
        let resource = Arc::new(resource(group.resource, group.schema_url));
        for scoped in group.scope_logs {
            let scope = Arc::new(scope(scoped.scope, scoped.schema_url));
            for wire in scoped.log_records {
                logs.push(LogData { resource: resource.clone(), scope: scope.clone(), ..record(wire)? });
            }
        }
    }
    Ok(logs)
}

fn record(record: message::LogRecord) -> Result<LogData, InvalidId> {
    Ok(LogData {
        timestamp: record.time_unix_nano,
        observed_timestamp: record.observed_time_unix_nano,
        severity: Severity::from_number(record.severity_number),
        severity_text: record.severity_text,
        body: record.body.map(value).unwrap_or_default(),
        attributes: attributes(record.attributes),
        dropped_attributes_count: record.dropped_attributes_count,
        flags: record.flags,
        trace_id: trace_id("LogRecord.trace_id", &record.trace_id)?,
        span_id: span_id("LogRecord.span_id", &record.span_id)?,
        event_name: record.event_name,
        resource: Arc::default(),
        scope: Arc::default(),
    })
}
