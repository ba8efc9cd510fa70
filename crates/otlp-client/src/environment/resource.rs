//! `OTEL_RESOURCE_ATTRIBUTES`, and the percent-encoding that it shares with headers.

use otlp_core::KeyValue;
use percent_encoding::percent_decode_str;

use super::reader::Reader;

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// Discarded whole on an error, as the specification says.
    pub(super) fn resource_attributes(&mut self) -> Vec<KeyValue> {
        const NAME: &str = "OTEL_RESOURCE_ATTRIBUTES";
        let Some(value) = self.text(NAME) else { return Vec::new() };
        let mut attributes = Vec::new();
        for pair in value.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            match pair.split_once('=').and_then(|(key, value)| Some((decoded(key)?, decoded(value)?))) {
                Some((key, value)) if !key.is_empty() => attributes.push(KeyValue::new(key, value)),
                _ => {
                    self.warn(NAME, format!("{pair:?} is not of the form key=value; all of it is left out"));
                    return Vec::new();
                }
            }
        }
        attributes
    }
}

/// Percent-decoded text; `None` if that is no UTF-8 or a `%` is not followed by two hex digits.
pub(super) fn decoded(text: &str) -> Option<String> {
    let text = text.trim();
    let is_complete = text.split('%').skip(1).all(|after| {
        after.len() >= 2 && after.is_char_boundary(2) && after[..2].bytes().all(|digit| digit.is_ascii_hexdigit())
    });
    is_complete.then(|| percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())).flatten()
}
