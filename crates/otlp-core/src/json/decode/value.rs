//! Attributes and values.

use super::{
    error::{JsonError, Path},
    node::Node,
    object::Object,
    scalar,
};
use crate::{Attributes, KeyValue, Value};

pub(super) fn attributes(object: &mut Object<'_, '_>, key: &str) -> Result<Attributes, JsonError> {
    object.objects(key, pair).map(Attributes::from)
}

fn pair(object: &mut Object<'_, '_>) -> Result<KeyValue, JsonError> {
    let key = object.string("key")?;
    Ok(KeyValue { key: key.into(), value: object.nested("value", value)? })
}

/// An `AnyValue`: the one member that it has says the type.
pub(super) fn value(object: &mut Object<'_, '_>) -> Result<Value, JsonError> {
    if let Some(text) = object.optional("stringValue", scalar::string)? {
        return Ok(Value::String(text));
    }
    if let Some(value) = object.optional("boolValue", scalar::boolean)? {
        return Ok(Value::Bool(value));
    }
    if let Some(value) = object.optional("intValue", scalar::int64)? {
        return Ok(Value::I64(value));
    }
    if let Some(value) = object.optional("doubleValue", scalar::double)? {
        return Ok(Value::F64(value));
    }
    if let Some(values) = object.optional_nested("arrayValue", |array| array.items("values", element))? {
        return Ok(Value::Array(values));
    }
    if let Some(pairs) = object.optional_nested("kvlistValue", |map| map.objects("values", pair))? {
        return Ok(Value::Map(pairs));
    }
    Ok(object.optional("bytesValue", scalar::bytes)?.map_or(Value::Empty, Value::Bytes))
}

/// An element of an array, which keeps its place even if it is `null`.
fn element(json: Node<'_>, path: &Path<'_>) -> Result<Value, JsonError> {
    match json {
        Node::Null => Ok(Value::Empty),
        json => value(&mut Object::new(json, path)?),
    }
}
