//! Records as text: the attributes behind the message instead of beside it, for whoever reads logs line by line.
//!
//! `card declined attempt=2 customer.name="A B"`, the form that is known as logfmt. Done when the record is emitted, so
//! that setting an attribute again still replaces its value, and the limits have acted.

use std::fmt::Write;

use otlp_core::{
    Value, ValueRef,
    wire::view::{LogView, View},
};

use super::encoding::put_body;
use crate::record::Recording;

/// Brings the attributes into the body. A text that is too large to deliver is cut.
pub(super) fn fold_attributes(recording: &mut Recording) {
    if recording.attributes.entries().is_empty() && recording.log.body_is_text() {
        return;
    }
    let message = [&recording.fields, recording.attributes.entries()].concat();
    let Some(text) = LogView::parse(&message).ok().and_then(|log| line(&log)) else { return };
    recording.log.count_dropped(recording.attributes.dropped());
    recording.attributes.clear();
    put_body(recording, ValueRef::Str(&text));
}

/// `None` if something in it cannot be read, which our own encoder does not write.
fn line(log: &LogView<'_>) -> Option<String> {
    let mut text = match log.body.to_value().ok()? {
        Value::String(text) => text,
        Value::Empty => String::new(),
        body => {
            let mut text = String::new();
            write_value(&mut text, &body);
            text
        }
    };
    for attribute in log.attributes.iter() {
        let attribute = attribute.ok()?;
        if !text.is_empty() {
            text.push(' ');
        }
        write_text(&mut text, attribute.key);
        text.push('=');
        write_value(&mut text, &attribute.value.to_value().ok()?);
    }
    Some(text)
}

fn write_value(out: &mut String, value: &Value) {
    // Writing into a string cannot fail.
    let _ = match value {
        Value::Empty => Ok(()),
        Value::String(text) => {
            write_text(out, text);
            Ok(())
        }
        Value::Bool(value) => write!(out, "{value}"),
        Value::I64(value) => write!(out, "{value}"),
        Value::F64(value) => write!(out, "{value}"),
        Value::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}")),
        Value::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write_value(out, value);
            }
            out.push(']');
            Ok(())
        }
        Value::Map(entries) => {
            out.push('{');
            for (index, entry) in entries.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write_text(out, &entry.key);
                out.push(':');
                write_value(out, &entry.value);
            }
            out.push('}');
            Ok(())
        }
    };
}

/// As it is, unless something in it would make the line ambiguous.
fn write_text(out: &mut String, text: &str) {
    // A colon separates only within maps, and is common in times and URLs, which stay as they are.
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !"\"=\\[]{},".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        out.push_str(text);
    } else {
        let _ = write!(out, "{text:?}");
    }
}

#[cfg(test)]
mod tests {
    use otlp_core::KeyValue;

    use super::*;

    fn written(value: impl Into<Value>) -> String {
        let mut text = String::new();
        write_value(&mut text, &value.into());
        text
    }

    #[test]
    fn values_are_written_so_that_a_line_can_be_taken_apart() {
        assert_eq!(written("plain-1.2/3"), "plain-1.2/3");
        assert_eq!(written("two words"), "\"two words\"");
        assert_eq!(written(""), "\"\"");
        assert_eq!(written("a=b"), "\"a=b\"");
        assert_eq!(written("line\nbreak \"quoted\""), r#""line\nbreak \"quoted\"""#);
        assert_eq!(written(true), "true");
        assert_eq!(written(-3), "-3");
        assert_eq!(written(2.5), "2.5");
        assert_eq!(written(Value::Bytes(vec![0, 255])), "00ff");
        assert_eq!(written(Value::Array(vec![1.into(), "a b".into()])), "[1,\"a b\"]");
        assert_eq!(written(Value::Map(vec![KeyValue::new("k", 1), KeyValue::new("l", "m")])), "{k:1,l:m}");
        assert_eq!(written(Value::Empty), "");
    }
}
