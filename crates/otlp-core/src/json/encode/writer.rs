//! The JSON writer: objects, lists and scalars, appended to one buffer.
//!
//! Keys are our own literals and need no escapes. The methods of [`Object`] that take a value leave the field out if
//! the value is protobuf's default, unless their name says otherwise.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    SpanId, TraceId,
    data::Number,
    decimal::Decimal,
    wire::{
        decode::DecodeError,
        view::{Messages, NumberKind, Numbers, View},
    },
};

/// A JSON object that is being written.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Object<'o> {
    pub(super) fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Object { out, empty: true }
    }

    pub(super) fn end(self) {
        self.out.push(b'}');
    }

    /// Writes the key and returns the buffer for its value.
    #[inline]
    pub(super) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    #[inline]
    pub(super) fn string(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            put_string(self.key(key), text);
        }
    }

    #[inline]
    pub(super) fn uint32(&mut self, key: &str, value: u32) {
        if value != 0 {
            put_uint(self.key(key), value.into());
        }
    }

    pub(super) fn int32(&mut self, key: &str, value: i32) {
        if value != 0 {
            self.key(key).extend_from_slice(Decimal::of_i64(value.into()).as_bytes());
        }
    }

    /// A 64-bit integer, which JSON carries as a string: its numbers are doubles to many readers.
    #[inline]
    pub(super) fn uint64(&mut self, key: &str, value: u64) {
        if value != 0 {
            put_quoted(self.key(key), &Decimal::of_u64(value));
        }
    }

    /// Only the positive zero is the default: the negative one is written, as in protobuf.
    pub(super) fn double(&mut self, key: &str, value: f64) {
        if value.to_bits() != 0 {
            put_double(self.key(key), value);
        }
    }

    /// A field that is written whenever it is there, default or not.
    pub(super) fn optional_double(&mut self, key: &str, value: Option<f64>) {
        if let Some(value) = value {
            put_double(self.key(key), value);
        }
    }

    pub(super) fn number(&mut self, value: Option<Number>) {
        match value {
            Some(Number::I64(value)) => put_quoted(self.key("asInt"), &Decimal::of_i64(value)),
            Some(Number::F64(value)) => put_double(self.key("asDouble"), value),
            None => {}
        }
    }

    pub(super) fn boolean(&mut self, key: &str, value: bool) {
        if value {
            self.key(key).extend_from_slice(b"true");
        }
    }

    pub(super) fn trace_id(&mut self, key: &str, id: TraceId) {
        if id.is_valid() {
            let mut digits = [0; 32];
            id.write_hex(&mut digits);
            put_plain(self.key(key), &digits);
        }
    }

    pub(super) fn span_id(&mut self, key: &str, id: SpanId) {
        if id.is_valid() {
            let mut digits = [0; 16];
            id.write_hex(&mut digits);
            put_plain(self.key(key), &digits);
        }
    }

    /// A nested object, written even if it is empty.
    pub(super) fn object(
        &mut self,
        key: &str,
        write: impl FnOnce(&mut Object<'_>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let mut object = Object::begin(self.key(key));
        write(&mut object)?;
        object.end();
        Ok(())
    }

    /// A list of objects.
    pub(super) fn messages<'a, T: View<'a>>(
        &mut self,
        key: &str,
        messages: Messages<'a, T>,
        write: impl Fn(&mut Object<'_>, &T) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if messages.is_empty() { Ok(()) } else { self.all_messages(key, messages, write) }
    }

    /// A list of objects, written even if it is empty.
    pub(super) fn all_messages<'a, T: View<'a>>(
        &mut self,
        key: &str,
        messages: Messages<'a, T>,
        write: impl Fn(&mut Object<'_>, &T) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        put_list(self.key(key), messages, |out, message| {
            let mut object = Object::begin(out);
            write(&mut object, &message?)?;
            object.end();
            Ok(())
        })
    }

    /// A list of numbers.
    pub(super) fn numbers<K: NumberKind>(
        &mut self,
        key: &str,
        numbers: Numbers<'_, K>,
        put: impl Fn(&mut Vec<u8>, K::Number),
    ) -> Result<(), DecodeError> {
        if numbers.is_empty() {
            return Ok(());
        }
        put_list(self.key(key), numbers, |out, number| {
            put(out, number?);
            Ok(())
        })
    }
}

pub(super) fn put_list<I>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = I>,
    put: impl Fn(&mut Vec<u8>, I) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put(out, item)?;
    }
    out.push(b']');
    Ok(())
}

pub(super) fn put_uint(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(Decimal::of_u64(value).as_bytes());
}

/// A 64-bit integer as a string.
#[inline]
pub(super) fn put_quoted(out: &mut Vec<u8>, value: &Decimal) {
    put_plain(out, value.as_bytes());
}

/// A string that is known to need no escapes.
#[inline]
fn put_plain(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

/// A double: the shortest digits that read back the same, or the names that protobuf gives to what JSON lacks.
pub(super) fn put_double(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        put_plain(out, b"NaN");
    } else if value.is_infinite() {
        put_plain(out, if value > 0.0 { b"Infinity" } else { b"-Infinity" });
    } else {
        // Writing a finite double into a vector cannot fail.
        let _ = serde_json::to_writer(out, &value);
    }
}

pub(super) fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    // In steps of whole groups of three bytes, so that the pieces join without padding.
    let mut digits = [0; 1024];
    for piece in bytes.chunks(768) {
        // 768 bytes are exactly 1024 digits.
        let len = STANDARD.encode_slice(piece, &mut digits).unwrap_or_default();
        out.extend_from_slice(&digits[..len]);
    }
    out.push(b'"');
}

/// Quotes, backslashes and control characters.
#[inline]
fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// A string with the escapes that JSON asks for.
pub(super) fn put_string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    // Without an early end, so that the compiler looks at many bytes at once: hardly any string has an escape.
    if bytes.iter().fold(false, |any, &byte| any | needs_escape(byte)) {
        put_escaped(out, bytes);
    } else {
        put_plain(out, bytes);
    }
}

fn put_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let mut copied = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        if !needs_escape(byte) {
            continue;
        }
        out.extend_from_slice(&bytes[copied..index]);
        copied = index + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(DIGITS[usize::from(control >> 4)]);
                out.push(DIGITS[usize::from(control & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_character_reads_back() {
        let text: String = (0..0x250).filter_map(char::from_u32).chain("\u{2028}\u{1f600}".chars()).collect();
        let json = written(|out| put_string(out, &text));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn base64_of_every_length_is_that_of_the_whole() {
        let bytes: Vec<u8> = (0..2000).map(|index| (index * 7) as u8).collect();
        for len in [0, 1, 2, 3, 767, 768, 769, 1536, 2000] {
            let json = written(|out| put_base64(out, &bytes[..len]));
            assert_eq!(json.trim_matches('"'), STANDARD.encode(&bytes[..len]));
        }
    }

    #[test]
    fn doubles_that_json_lacks_have_names() {
        let names = [(f64::NAN, "\"NaN\""), (f64::INFINITY, "\"Infinity\""), (f64::NEG_INFINITY, "\"-Infinity\"")];
        for (value, name) in names {
            assert_eq!(written(|out| put_double(out, value)), name);
        }
        assert_eq!(written(|out| put_double(out, 0.1)), "0.1");
    }
}
