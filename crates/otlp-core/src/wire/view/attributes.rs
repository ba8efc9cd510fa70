//! Attributes and their values (`KeyValue`, `AnyValue`, `ArrayValue` and `KeyValueList` of OTLP's common protocol).

use super::{Messages, View};
use crate::{
    Attributes, KeyValue, Value,
    wire::decode::{Content, DecodeError},
};

/// A list of attributes.
pub type AttributesView<'a> = Messages<'a, KeyValueView<'a>>;

/// A key and its value.
#[derive(Debug, Clone, Copy)]
pub struct KeyValueView<'a> {
    /// The key.
    pub key: &'a str,
    /// The value.
    pub value: AnyValueView<'a>,
}

/// A value.
#[derive(Debug, Clone, Copy)]
pub enum AnyValueView<'a> {
    /// No value at all.
    Empty,
    /// A UTF-8 string.
    Str(&'a str),
    /// A boolean.
    Bool(bool),
    /// A signed 64-bit integer.
    I64(i64),
    /// A double.
    F64(f64),
    /// Any bytes.
    Bytes(&'a [u8]),
    /// Values in order.
    Array(Messages<'a, AnyValueView<'a>>),
    /// Values by key.
    Map(AttributesView<'a>),
}

impl<'a> AttributesView<'a> {
    /// The value of `key`, the first one if it occurs more than once: a pass over the attributes up to there.
    ///
    /// # Errors
    /// If one of the attributes before cannot be read.
    pub fn get(&self, key: &str) -> Result<Option<AnyValueView<'a>>, DecodeError> {
        for attribute in self {
            let attribute = attribute?;
            if attribute.key == key {
                return Ok(Some(attribute.value));
            }
        }
        Ok(None)
    }

    /// Copies into owned attributes.
    ///
    /// # Errors
    /// If one of them, or something nested in it, cannot be read.
    pub fn to_attributes(&self) -> Result<Attributes, DecodeError> {
        self.to_entries().map(Attributes::from)
    }

    fn to_entries(self) -> Result<Vec<KeyValue>, DecodeError> {
        self.iter()
            .map(|attribute| {
                let KeyValueView { key, value } = attribute?;
                Ok(KeyValue { key: key.to_owned().into(), value: value.to_value()? })
            })
            .collect()
    }
}

impl AnyValueView<'_> {
    /// Copies into an owned value.
    ///
    /// # Errors
    /// If something nested cannot be read.
    pub fn to_value(&self) -> Result<Value, DecodeError> {
        Ok(match self {
            AnyValueView::Empty => Value::Empty,
            AnyValueView::Str(value) => Value::String((*value).to_owned()),
            AnyValueView::Bool(value) => Value::Bool(*value),
            AnyValueView::I64(value) => Value::I64(*value),
            AnyValueView::F64(value) => Value::F64(*value),
            AnyValueView::Bytes(value) => Value::Bytes(value.to_vec()),
            AnyValueView::Array(values) => {
                Value::Array(values.iter().map(|value| value?.to_value()).collect::<Result<_, _>>()?)
            }
            AnyValueView::Map(entries) => Value::Map(entries.to_entries()?),
        })
    }
}

impl<'a> View<'a> for KeyValueView<'a> {
    #[inline]
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut pair = KeyValueView { key: "", value: AnyValueView::Empty };
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                1 => pair.key = field.string()?,
                2 => pair.value = AnyValueView::read(field.message()?)?,
                _ => {}
            }
        }
        Ok(pair)
    }
}

impl<'a> View<'a> for AnyValueView<'a> {
    #[inline]
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut value = AnyValueView::Empty;
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            value = match field.number() {
                1 => AnyValueView::Str(field.string()?),
                2 => AnyValueView::Bool(field.varint()? != 0),
                3 => AnyValueView::I64(field.varint()? as i64),
                4 => AnyValueView::F64(field.double()?),
                5 => AnyValueView::Array(Messages::within(field.message()?, 1)),
                6 => AnyValueView::Map(Messages::within(field.message()?, 1)),
                7 => AnyValueView::Bytes(field.bytes()?),
                _ => continue,
            };
        }
        Ok(value)
    }
}
