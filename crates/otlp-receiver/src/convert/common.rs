//! Values, attributes, resources, scopes and ids.

use otlp_core::{
    Attributes, KeyValue, SpanId, TraceId, Value,
    data::{Resource, Scope},
};

use super::InvalidId;
use crate::message::common as message;

/// Recursion is bounded: prost refuses to decode messages that nest deeper than a hundred levels.
pub(super) fn value(value: message::AnyValue) -> Value {
    use message::any_value::Value as Wire;
    match value.value {
        None => Value::Empty,
        Some(Wire::String(value)) => Value::String(value),
        Some(Wire::Bool(value)) => Value::Bool(value),
        Some(Wire::Int(value)) => Value::I64(value),
        Some(Wire::Double(value)) => Value::F64(value),
        Some(Wire::Bytes(value)) => Value::Bytes(value),
        Some(Wire::Array(array)) => Value::Array(array.values.into_iter().map(self::value).collect()),
        Some(Wire::KeyValueList(list)) => Value::Map(list.values.into_iter().map(key_value).collect()),
    }
}

pub(super) fn attributes(entries: Vec<message::KeyValue>) -> Attributes {
    entries.into_iter().map(key_value).collect()
}

fn key_value(entry: message::KeyValue) -> KeyValue {
    KeyValue { key: entry.key.into(), value: entry.value.map(value).unwrap_or_default() }
}

pub(super) fn resource(resource: Option<message::Resource>, schema_url: String) -> Resource {
    let resource = resource.unwrap_or_default();
    Resource {
        attributes: attributes(resource.attributes),
        dropped_attributes_count: resource.dropped_attributes_count,
        schema_url,
    }
}

pub(super) fn scope(scope: Option<message::InstrumentationScope>, schema_url: String) -> Scope {
    let scope = scope.unwrap_or_default();
    Scope {
        name: scope.name,
        version: scope.version,
        attributes: attributes(scope.attributes),
        dropped_attributes_count: scope.dropped_attributes_count,
        schema_url,
    }
}

pub(super) fn trace_id(field: &'static str, bytes: &[u8]) -> Result<Option<TraceId>, InvalidId> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let id = TraceId::from_slice(bytes).ok_or(InvalidId { field, expected: 16, len: bytes.len() })?;
    Ok(Some(id).filter(|id| id.is_valid()))
}

pub(super) fn span_id(field: &'static str, bytes: &[u8]) -> Result<Option<SpanId>, InvalidId> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let id = SpanId::from_slice(bytes).ok_or(InvalidId { field, expected: 8, len: bytes.len() })?;
    Ok(Some(id).filter(|id| id.is_valid()))
}
