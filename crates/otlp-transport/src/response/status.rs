//! `google.rpc.Status`: the error message of OTLP/HTTP, and the details of gRPC statuses.

use std::time::Duration;

use otlp_core::wire::decode::{Content, DecodeError, Reader};

use super::text::quoted;

/// Longer than any receiver means it, short enough to add to any clock without overflow.
pub(crate) const LONGEST_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What we read of a `google.rpc.Status`. Its code decides nothing (OTLP specification, "Failures").
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Status {
    /// Bounded and printable.
    pub(crate) message: String,
    /// The delay of a `RetryInfo` among the details; at most a day.
    pub(crate) retry_delay: Option<Duration>,
}

impl Status {
    /// Reads the protobuf form. `None` if the bytes are not one.
    pub(crate) fn from_protobuf(bytes: &[u8]) -> Option<Self> {
        Status::read(bytes).ok()
    }

    /// Reads the JSON form. `None` if the bytes are not one.
    pub(crate) fn from_json(bytes: &[u8]) -> Option<Self> {
        let json: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        let message = json.get("message")?.as_str()?;
        Some(Status { message: quoted(message.as_bytes()), retry_delay: None })
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut status = Status::default();
        let mut fields = Reader::new(bytes);
        while let Some(field) = fields.next_field()? {
            match field.number() {
                2 => status.message = quoted(field.bytes()?),
                3 => {
                    if let Some(delay) = retry_info(field.message()?)? {
                        status.retry_delay = Some(delay);
                    }
                }
                _ => {}
            }
        }
        Ok(status)
    }
}

/// The delay, if the `Any` holds a `google.rpc.RetryInfo`.
fn retry_info(any: Content<'_>) -> Result<Option<Duration>, DecodeError> {
    let (mut type_url, mut value) = (&[][..], Content::default());
    let mut fields = any.reader();
    while let Some(field) = fields.next_field()? {
        match field.number() {
            1 => type_url = field.bytes()?,
            2 => value = field.message()?,
            _ => {}
        }
    }
    if !type_url.ends_with(b"/google.rpc.RetryInfo") {
        return Ok(None);
    }
    // A RetryInfo without a delay says "retry", at once.
    let mut delay = Duration::ZERO;
    let mut fields = value.reader();
    while let Some(field) = fields.next_field()? {
        if field.number() == 1 {
            delay = duration(field.message()?)?;
        }
    }
    Ok(Some(delay))
}

/// A `google.protobuf.Duration`; negative ones are none, long ones are cut.
fn duration(message: Content<'_>) -> Result<Duration, DecodeError> {
    let (mut seconds, mut nanos) = (0, 0);
    let mut fields = message.reader();
    while let Some(field) = fields.next_field()? {
        match field.number() {
            // int64 and int32 travel as 64 bits in two's complement.
            1 => seconds = field.varint()? as i64,
            2 => nanos = field.varint()? as i64,
            _ => {}
        }
    }
    let (Ok(seconds), Ok(nanos)) = (u64::try_from(seconds), u32::try_from(nanos)) else { return Ok(Duration::ZERO) };
    Ok(Duration::from_secs(seconds).saturating_add(Duration::from_nanos(u64::from(nanos))).min(LONGEST_DELAY))
}

#[cfg(test)]
mod tests {
    use otlp_core::wire::encode::{put_bytes, put_uint, put_uint_always};
    use proptest::prelude::*;

    use super::*;

    fn status(message: &str, seconds: i64, nanos: i64) -> Vec<u8> {
        let (mut delay, mut info, mut any, mut other) = (vec![], vec![], vec![], vec![]);
        put_uint(&mut delay, 1, seconds as u64);
        put_uint(&mut delay, 2, nanos as u64);
        put_bytes(&mut info, 1, &delay);
        put_bytes(&mut any, 1, b"type.googleapis.com/google.rpc.RetryInfo");
        put_bytes(&mut any, 2, &info);
        put_bytes(&mut other, 1, b"type.googleapis.com/google.rpc.DebugInfo");
        put_bytes(&mut other, 2, b"\xff\xff");
        let mut status = vec![];
        put_uint_always(&mut status, 1, 8);
        put_bytes(&mut status, 2, message.as_bytes());
        put_bytes(&mut status, 3, &other);
        put_bytes(&mut status, 3, &any);
        status
    }

    #[test]
    fn message_and_retry_delay_are_found_among_other_details() {
        for (seconds, nanos, expected) in [
            (3, 500_000_000, Duration::from_millis(3500)),
            (0, 0, Duration::ZERO),
            (-5, 0, Duration::ZERO),
            (1, -1, Duration::ZERO),
            (i64::MAX, 0, LONGEST_DELAY),
        ] {
            let read = Status::from_protobuf(&status("slow down", seconds, nanos)).unwrap();
            assert_eq!(read, Status { message: "slow down".to_owned(), retry_delay: Some(expected) });
        }
        assert_eq!(Status::from_protobuf(b""), Some(Status::default()));
    }

    #[test]
    fn the_json_form_is_read_too() {
        assert_eq!(Status::from_json(br#"{"code":3,"message":"no\nway"}"#).unwrap().message, "no way");
        assert_eq!(Status::from_json(b"{}"), None);
        assert_eq!(Status::from_json(b"[1"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            Status::from_protobuf(&bytes);
            Status::from_json(&bytes);
        }

        #[test]
        fn damage_never_makes_a_delay_too_long(at: prop::sample::Index, byte: u8, seconds: i64, nanos: i64) {
            let mut bytes = status("x", seconds, nanos);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let read = Status::from_protobuf(&bytes).unwrap_or_default();
            prop_assert!(read.retry_delay.unwrap_or_default() <= LONGEST_DELAY);
        }
    }
}
