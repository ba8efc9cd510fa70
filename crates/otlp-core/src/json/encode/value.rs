//! Attributes and values.

use super::writer::{Object, put_base64, put_double, put_list, put_quoted, put_string};
use crate::{
    decimal::Decimal,
    wire::{
        decode::DecodeError,
        view::{AnyValueView, AttributesView},
    },
};

pub(super) fn put_attributes(
    object: &mut Object<'_>,
    key: &str,
    attributes: AttributesView<'_>,
) -> Result<(), DecodeError> {
    if attributes.is_empty() { Ok(()) } else { put_pairs(object, key, attributes) }
}

/// The list of pairs, written even if it is empty.
fn put_pairs(object: &mut Object<'_>, key: &str, pairs: AttributesView<'_>) -> Result<(), DecodeError> {
    object.all_messages(key, pairs, |object, pair| {
        put_string(object.key("key"), pair.key);
        put_value(object.key("value"), &pair.value)
    })
}

/// An `AnyValue`: an object with the one member that says the type, or with none.
pub(super) fn put_value(out: &mut Vec<u8>, value: &AnyValueView<'_>) -> Result<(), DecodeError> {
    let mut object = Object::begin(out);
    match value {
        AnyValueView::Empty => {}
        AnyValueView::Str(value) => put_string(object.key("stringValue"), value),
        AnyValueView::Bool(value) => {
            object.key("boolValue").extend_from_slice(if *value { b"true" } else { b"false" });
        }
        AnyValueView::I64(value) => put_quoted(object.key("intValue"), &Decimal::of_i64(*value)),
        AnyValueView::F64(value) => put_double(object.key("doubleValue"), *value),
        AnyValueView::Bytes(value) => put_base64(object.key("bytesValue"), value),
        AnyValueView::Array(values) => object.object("arrayValue", |object| {
            put_list(object.key("values"), values, |out, value| put_value(out, &value?))
        })?,
        AnyValueView::Map(pairs) => object.object("kvlistValue", |object| put_pairs(object, "values", *pairs))?,
    }
    object.end();
    Ok(())
}
