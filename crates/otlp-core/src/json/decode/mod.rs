//! OTLP JSON to owned data.
//!
//! The text is parsed into a tree first, which bounds its nesting at 128 levels, and read from the tree with the path
//! to each value at hand: an error names what stands where, and what would be accepted.

mod error;
mod log;
mod metric;
mod node;
mod object;
mod point;
mod scalar;
mod span;
mod value;

use std::sync::Arc;

pub use self::error::JsonError;
use self::{error::Path, node::Node, object::Object};
use crate::data::{LogData, MetricData, Resource, Scope, SpanData};

/// The spans of an `ExportTraceServiceRequest` in OTLP JSON, in order.
///
/// # Errors
/// The first thing that is wrong with the text; nothing is decoded in part.
///
/// ```
/// use otlp_core::json;
/// let text = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"GET /","startTimeUnixNano":"17"}]}]}]}"#;
/// let spans = json::decode_spans(text)?;
/// assert_eq!((spans[0].name.as_str(), spans[0].start_time), ("GET /", 17));
/// # Ok::<(), otlp_core::json::JsonError>(())
/// ```
pub fn spans(text: &[u8]) -> Result<Vec<SpanData>, JsonError> {
    request(text, ["resourceSpans", "scopeSpans", "spans"], span::span)
}

/// The log records of an `ExportLogsServiceRequest` in OTLP JSON, in order.
///
/// # Errors
/// As [`spans`].
pub fn logs(text: &[u8]) -> Result<Vec<LogData>, JsonError> {
    request(text, ["resourceLogs", "scopeLogs", "logRecords"], log::log)
}

/// The metrics of an `ExportMetricsServiceRequest` in OTLP JSON, in order.
///
/// # Errors
/// As [`spans`].
pub fn metrics(text: &[u8]) -> Result<Vec<MetricData>, JsonError> {
    request(text, ["resourceMetrics", "scopeMetrics", "metrics"], metric::metric)
}

/// The three keys are those of the lists of resources, scopes and records.
fn request<R>(
    text: &[u8],
    [resources, scopes, records]: [&str; 3],
    record: impl Fn(&mut Object<'_, '_>, &Arc<Resource>, &Arc<Scope>) -> Result<R, JsonError>,
) -> Result<Vec<R>, JsonError> {
    let json: Node<'_> = serde_json::from_slice(text).map_err(JsonError::syntax)?;
    let path = Path::ROOT;
    let mut all = Vec::new();
    Object::new(json, &path)?.for_each(resources, |mut of_resource| {
        let schema_url = of_resource.string("schemaUrl")?;
        let resource = Arc::new(Resource { schema_url, ..of_resource.nested("resource", resource)? });
        of_resource.for_each(scopes, |mut of_scope| {
            let schema_url = of_scope.string("schemaUrl")?;
            let scope = Arc::new(Scope { schema_url, ..of_scope.nested("scope", scope)? });
            of_scope.for_each(records, |mut object| {
                all.push(record(&mut object, &resource, &scope)?);
                Ok(())
            })
        })
    })?;
    Ok(all)
}

fn resource(object: &mut Object<'_, '_>) -> Result<Resource, JsonError> {
    Ok(Resource {
        attributes: value::attributes(object, "attributes")?,
        dropped_attributes_count: object.uint32("droppedAttributesCount")?,
        schema_url: String::new(),
    })
}

fn scope(object: &mut Object<'_, '_>) -> Result<Scope, JsonError> {
    Ok(Scope {
        name: object.string("name")?,
        version: object.string("version")?,
        attributes: value::attributes(object, "attributes")?,
        dropped_attributes_count: object.uint32("droppedAttributesCount")?,
        schema_url: String::new(),
    })
}
