//! Scalars as protobuf's JSON mapping and OTLP's differences from it allow them.

use std::str::FromStr;

use super::{
    error::{JsonError, Path},
    node::Node,
};
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Reads base64 with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn string(json: Node<'_>, path: &Path<'_>) -> Result<String, JsonError> {
    match json {
        Node::Text(text) => Ok(text.into_owned()),
        other => Err(JsonError::unexpected(path, &other, "a string")),
    }
}

pub(super) fn boolean(json: Node<'_>, path: &Path<'_>) -> Result<bool, JsonError> {
    match json {
        Node::Bool(value) => Ok(value),
        other => Err(JsonError::unexpected(path, &other, "true or false")),
    }
}

pub(super) fn uint64(json: Node<'_>, path: &Path<'_>) -> Result<u64, JsonError> {
    integer(&json)
        .and_then(|value| value.try_into().ok())
        .ok_or_else(|| JsonError::unexpected(path, &json, "an unsigned 64-bit integer, as a string or a number"))
}

pub(super) fn int64(json: Node<'_>, path: &Path<'_>) -> Result<i64, JsonError> {
    integer(&json)
        .and_then(|value| value.try_into().ok())
        .ok_or_else(|| JsonError::unexpected(path, &json, "a signed 64-bit integer, as a string or a number"))
}

pub(super) fn uint32(json: Node<'_>, path: &Path<'_>) -> Result<u32, JsonError> {
    integer(&json)
        .and_then(|value| value.try_into().ok())
        .ok_or_else(|| JsonError::unexpected(path, &json, "an unsigned 32-bit integer"))
}

pub(super) fn int32(json: Node<'_>, path: &Path<'_>) -> Result<i32, JsonError> {
    integer(&json)
        .and_then(|value| value.try_into().ok())
        .ok_or_else(|| JsonError::unexpected(path, &json, "a signed 32-bit integer"))
}

/// An integer of any width, as a number or a string; a number may be written as a double, like `1e3`, if it is whole.
fn integer(json: &Node<'_>) -> Option<i128> {
    /// Beyond it, doubles are further apart than integers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match json {
        Node::Text(text) => text.parse().ok(),
        Node::Unsigned(value) => Some((*value).into()),
        Node::Signed(value) => Some((*value).into()),
        Node::Double(value) if value.fract() == 0.0 && value.abs() <= EXACT => Some(*value as i128),
        _ => None,
    }
}

pub(super) fn double(json: Node<'_>, path: &Path<'_>) -> Result<f64, JsonError> {
    let value = match &json {
        Node::Double(value) => Some(*value),
        Node::Unsigned(value) => Some(*value as f64),
        Node::Signed(value) => Some(*value as f64),
        Node::Text(text) => match text.as_ref() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            // The parser takes further names of these three, like "inf", which are not accepted.
            digits => digits.parse().ok().filter(|value: &f64| value.is_finite()),
        },
        _ => None,
    };
    value.ok_or_else(|| JsonError::unexpected(path, &json, "a number, \"NaN\", \"Infinity\" or \"-Infinity\""))
}

/// A trace or span id; the empty string is that of no id.
pub(super) fn id<I: FromStr + Default>(json: Node<'_>, path: &Path<'_>, accepted: &str) -> Result<I, JsonError> {
    let id = json.as_text().and_then(|text| if text.is_empty() { Some(I::default()) } else { text.parse().ok() });
    id.ok_or_else(|| JsonError::unexpected(path, &json, accepted))
}

pub(super) fn bytes(json: Node<'_>, path: &Path<'_>) -> Result<Vec<u8>, JsonError> {
    // The URL-safe alphabet differs in two digits.
    let standard = json.as_text().map(|text| text.replace('-', "+").replace('_', "/"));
    let bytes = standard.and_then(|text| BASE64.decode(text).ok());
    bytes.ok_or_else(|| JsonError::unexpected(path, &json, "base64"))
}

pub(super) fn enumeration(
    json: Node<'_>,
    path: &Path<'_>,
    prefix: &str,
    names: &[(&str, i32)],
) -> Result<i32, JsonError> {
    if let Node::Text(text) = &json {
        let name = text.strip_prefix(prefix);
        if let Some((_, number)) = names.iter().find(|(candidate, _)| name == Some(*candidate)) {
            return Ok(*number);
        }
    }
    integer(&json).and_then(|number| number.try_into().ok()).ok_or_else(|| {
        let names: Vec<_> = names.iter().map(|(name, number)| format!("{number} ({prefix}{name})")).collect();
        JsonError::unexpected(path, &json, &format!("one of {}", names.join(", ")))
    })
}
