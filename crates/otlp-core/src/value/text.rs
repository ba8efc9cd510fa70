//! Values as text, for backends and people that know nothing of OTLP's types: what the specification of OpenTelemetry calls
//! the representation of an `AnyValue` for protocols other than OTLP.

use std::{collections::HashMap, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

use super::Value;
use crate::Attributes;

/// A string as it is, numbers and booleans as JSON has them, bytes in base64, arrays and maps as JSON; nothing for no value.
///
/// ```
/// use otlp_core::Value;
/// assert_eq!(Value::from("as it is").to_string(), "as it is");
/// assert_eq!(Value::from(["a", "b"]).to_string(), r#"["a","b"]"#);
/// ```
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Empty => Ok(()),
            Value::String(text) => f.pad(text),
            Value::Bool(value) => f.pad(if *value { "true" } else { "false" }),
            Value::I64(value) => fmt::Display::fmt(value, f),
            Value::F64(value) if !value.is_finite() => f.pad(not_finite(*value)),
            Value::Bytes(bytes) => f.pad(&STANDARD.encode(bytes)),
            Value::F64(_) | Value::Array(_) | Value::Map(_) => {
                f.pad(&serde_json::to_string(&Json(self)).map_err(|_| fmt::Error)?)
            }
        }
    }
}

/// Each value as text; of a key that occurs more than once, the first.
impl From<Attributes> for HashMap<String, String> {
    fn from(attributes: Attributes) -> Self {
        let mut texts = HashMap::with_capacity(attributes.len());
        for entry in attributes {
            texts.entry(entry.key.into_owned()).or_insert_with(|| match entry.value {
                Value::String(text) => text,
                value => value.to_string(),
            });
        }
        texts
    }
}

fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// A value within another.
struct Json<'a>(&'a Value);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Empty => serializer.serialize_unit(),
            Value::String(text) => serializer.serialize_str(text),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::I64(value) => serializer.serialize_i64(*value),
            Value::F64(value) if !value.is_finite() => serializer.serialize_str(not_finite(*value)),
            Value::F64(value) => serializer.serialize_f64(*value),
            Value::Bytes(bytes) => serializer.serialize_str(&STANDARD.encode(bytes)),
            Value::Array(values) => {
                let mut sequence = serializer.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| sequence.serialize_element(&Json(value)))?;
                sequence.end()
            }
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|entry| map.serialize_entry(&entry.key, &Json(&entry.value)))?;
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyValue;

    #[test]
    fn values_read_as_the_specification_writes_them_for_other_protocols() {
        for (value, text) in [
            (Value::Empty, ""),
            ("a \"quoted\" b".into(), "a \"quoted\" b"),
            (true.into(), "true"),
            (i64::MIN.into(), "-9223372036854775808"),
            (1.0.into(), "1.0"),
            (f64::NAN.into(), "NaN"),
            (f64::NEG_INFINITY.into(), "-Infinity"),
            (Value::Bytes(vec![0, 255]), "AP8="),
            (Value::Array(vec![Value::Empty, "a\"".into(), f64::INFINITY.into()]), r#"[null,"a\"","Infinity"]"#),
            (
                Value::Map(vec![KeyValue::new("k", 1), KeyValue::new("b", Value::Bytes(vec![1]))]),
                r#"{"k":1,"b":"AQ=="}"#,
            ),
        ] {
            assert_eq!(value.to_string(), text, "{value:?}");
        }
        assert_eq!(format!("{:>4}|{:<3}|", Value::from("a"), Value::from(true)), "   a|true|");
    }

    #[test]
    fn attributes_become_a_map_of_texts_and_the_first_of_a_key_counts() {
        let attributes =
            Attributes::from(vec![KeyValue::new("a", "x"), KeyValue::new("n", 2), KeyValue::new("a", "y")]);
        let texts: HashMap<String, String> = attributes.into();
        assert_eq!(texts, HashMap::from([("a".to_owned(), "x".to_owned()), ("n".to_owned(), "2".to_owned())]));
    }
}
