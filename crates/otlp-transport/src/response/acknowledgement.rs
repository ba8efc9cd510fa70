//! `Export…ServiceResponse`, the same for all signals but for the name of the count: what the receiver says beside
//! "accepted" (OTLP specification, "Partial Success").

use otlp_core::{
    PartialSuccess, Signal,
    wire::decode::{DecodeError, Reader},
};

use super::text::quoted;

/// The bytes are no `Export…ServiceResponse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

impl From<DecodeError> for Malformed {
    fn from(_: DecodeError) -> Self {
        Malformed
    }
}

/// Reads the protobuf form. No bytes at all are a full success.
pub(crate) fn protobuf_acknowledgement(bytes: &[u8]) -> Result<PartialSuccess, Malformed> {
    let mut partial = PartialSuccess::default();
    let mut response = Reader::new(bytes);
    while let Some(field) = response.next_field()? {
        if field.number() != 1 {
            continue;
        }
        let mut fields = field.message()?.reader();
        while let Some(field) = fields.next_field()? {
            match field.number() {
                1 => partial.rejected = count(field.varint()? as i64)?,
                2 => partial.message = quoted(field.bytes()?),
                _ => {}
            }
        }
    }
    Ok(partial)
}

/// Reads the JSON form. 64-bit integers come as strings or numbers; unknown fields are ignored.
pub(crate) fn json_acknowledgement(signal: Signal, bytes: &[u8]) -> Result<PartialSuccess, Malformed> {
    use serde_json::Value;

    let Ok(Value::Object(response)) = serde_json::from_slice(bytes) else { return Err(Malformed) };
    let partial = match response.get("partialSuccess") {
        None | Some(Value::Null) => return Ok(PartialSuccess::default()),
        Some(Value::Object(partial)) => partial,
        Some(_) => return Err(Malformed),
    };
    let rejected = partial.get(match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    });
    let rejected = match rejected {
        None | Some(Value::Null) => 0,
        Some(Value::Number(number)) => number.as_i64().ok_or(Malformed)?,
        Some(Value::String(digits)) => digits.parse().map_err(|_| Malformed)?,
        Some(_) => return Err(Malformed),
    };
    let message = match partial.get("errorMessage") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(message)) => quoted(message.as_bytes()),
        Some(_) => return Err(Malformed),
    };
    Ok(PartialSuccess { rejected: count(rejected)?, message })
}

fn count(rejected: i64) -> Result<u64, Malformed> {
    u64::try_from(rejected).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use otlp_core::wire::encode::{put_bytes, put_uint_always};
    use proptest::prelude::*;

    use super::*;

    fn partial(rejected: u64, message: &str) -> PartialSuccess {
        PartialSuccess { rejected, message: message.to_owned() }
    }

    #[test]
    fn the_protobuf_form() {
        let (mut inner, mut outer) = (vec![], vec![]);
        put_uint_always(&mut inner, 1, 5);
        put_bytes(&mut inner, 2, b"too old");
        put_bytes(&mut outer, 1, &inner);
        assert_eq!(protobuf_acknowledgement(&outer), Ok(partial(5, "too old")));
        assert_eq!(protobuf_acknowledgement(b""), Ok(partial(0, "")));
        assert_eq!(protobuf_acknowledgement(b"<html>"), Err(Malformed));
        let (mut inner, mut outer) = (vec![], vec![]);
        put_uint_always(&mut inner, 1, -1_i64 as u64);
        put_bytes(&mut outer, 1, &inner);
        assert_eq!(protobuf_acknowledgement(&outer), Err(Malformed));
    }

    #[test]
    fn the_json_form() {
        for (signal, json, expected) in [
            (Signal::Traces, r#"{}"#, Ok(partial(0, ""))),
            (Signal::Traces, r#"{"partialSuccess":null}"#, Ok(partial(0, ""))),
            (Signal::Traces, r#"{"partialSuccess":{"rejectedSpans":"7"}}"#, Ok(partial(7, ""))),
            (
                Signal::Metrics,
                r#"{"x":1,"partialSuccess":{"rejectedDataPoints":7,"errorMessage":"m"}}"#,
                Ok(partial(7, "m")),
            ),
            (Signal::Logs, r#"{"partialSuccess":{"rejectedLogRecords":3}}"#, Ok(partial(3, ""))),
            (Signal::Logs, r#"{"partialSuccess":{"rejectedSpans":3}}"#, Ok(partial(0, ""))),
            (Signal::Logs, r#"{"partialSuccess":{"rejectedLogRecords":-3}}"#, Err(Malformed)),
            (Signal::Logs, r#"{"partialSuccess":{"rejectedLogRecords":"x"}}"#, Err(Malformed)),
            (Signal::Logs, r#"{"partialSuccess":[]}"#, Err(Malformed)),
            (Signal::Logs, r#"[]"#, Err(Malformed)),
            (Signal::Logs, r#""#, Err(Malformed)),
        ] {
            assert_eq!(json_acknowledgement(signal, json.as_bytes()), expected, "{json}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = protobuf_acknowledgement(&bytes);
            let _ = json_acknowledgement(Signal::Traces, &bytes);
        }
    }
}
