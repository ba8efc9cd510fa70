//! The value of the `traceparent` header (W3C Trace Context Level 2, section 3.2): written as version 00, read in every
//! version.

use super::trim_ows;
use crate::{SpanId, TraceFlags, TraceId};

/// `00-<32 hex>-<16 hex>-<2 hex>`: the whole of version 00, and what every later version begins with.
const LEN: usize = 55;

/// The flags that this specification defines. All others travel as zero.
const KNOWN_FLAGS: u8 = TraceFlags::SAMPLED.union(TraceFlags::RANDOM).to_byte();

/// Reads a header value: `None` for whatever must be ignored.
pub(super) fn parse(text: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let bytes = trim_ows(text).as_bytes();
    let (known, beyond) = bytes.split_first_chunk::<LEN>()?;
    let [version] = lower_hex(&known[..2])?;
    match (version, beyond.first()) {
        (0xff, _) => return None,
        (0x00, Some(_)) => return None,
        // A later version may say more, after another dash; what it says is unknown.
        (_, None | Some(b'-')) => {}
        (_, Some(_)) => return None,
    }
    if [known[2], known[35], known[52]] != *b"---" {
        return None;
    }
    let trace_id = TraceId::from_bytes(lower_hex(&known[3..35])?);
    let span_id = SpanId::from_bytes(lower_hex(&known[36..52])?);
    let [flags] = lower_hex(&known[53..])?;
    (trace_id.is_valid() && span_id.is_valid()).then_some((
        trace_id,
        span_id,
        TraceFlags::from_byte(flags & KNOWN_FLAGS),
    ))
}

/// Writes a header value of version 00.
pub(super) fn format(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> String {
    format!("00-{trace_id}-{span_id}-{:02x}", flags.to_byte() & KNOWN_FLAGS)
}

/// The bytes of `2 * N` hex digits. Upper-case digits are none (`HEXDIGLC`).
fn lower_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    fn digit(byte: u8) -> Option<u8> {
        match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        }
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "12345678901234567890123456789012";
    const SPAN: &str = "1234567890123456";

    fn flags(text: &str) -> Option<u8> {
        let (trace_id, span_id, flags) = parse(text)?;
        assert_eq!((trace_id.to_string().as_str(), span_id.to_string().as_str()), (TRACE, SPAN));
        Some(flags.to_byte())
    }

    #[test]
    fn the_examples_of_the_specification_are_read() {
        for (text, sampled) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true),
        ] {
            let (trace_id, span_id, flags) = parse(text).unwrap();
            assert_eq!(flags.is_sampled(), sampled);
            assert_eq!(format(trace_id, span_id, flags), text);
        }
    }

    #[test]
    fn level_2_knows_the_random_flag_and_zeroes_the_unknown_ones() {
        for (digits, read) in [("00", 0), ("01", 1), ("02", 2), ("03", 3), ("09", 1), ("fc", 0), ("ff", 3)] {
            assert_eq!(flags(&format!("00-{TRACE}-{SPAN}-{digits}")), Some(read));
        }
        let all = TraceFlags::from_byte(0xff);
        assert!(format(TraceId::from_bytes([1; 16]), SpanId::from_bytes([1; 8]), all).ends_with("-03"));
    }

    #[test]
    fn version_00_ends_after_the_flags() {
        assert_eq!(flags(&format!("00-{TRACE}-{SPAN}-01")), Some(1));
        for tail in [".", "-", "-what-the-future-will-be-like", "1"] {
            assert_eq!(flags(&format!("00-{TRACE}-{SPAN}-01{tail}")), None, "{tail}");
        }
    }

    #[test]
    fn later_versions_may_say_more_after_a_dash() {
        for version in ["01", "cc", "fe"] {
            for tail in ["", "-", "-what-the-future-will-be-like", "-\u{20ac}"] {
                assert_eq!(flags(&format!("{version}-{TRACE}-{SPAN}-01{tail}")), Some(1), "{version} {tail}");
            }
            for tail in [".what-the-future-will-be-like", "1", "\u{20ac}"] {
                assert_eq!(flags(&format!("{version}-{TRACE}-{SPAN}-01{tail}")), None, "{version} {tail}");
            }
        }
    }

    #[test]
    fn white_space_around_the_value_is_none_of_it() {
        for text in [" 00-T-S-01", "\t00-T-S-01", "00-T-S-01 ", "00-T-S-01\t", "\t 00-T-S-01 \t"] {
            assert_eq!(flags(&text.replace('T', TRACE).replace('S', SPAN)), Some(1), "{text:?}");
        }
    }

    #[test]
    fn what_must_be_ignored_is() {
        let zero_trace = "0".repeat(32);
        let zero_span = "0".repeat(16);
        for text in [
            String::new(),
            "00".to_owned(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("ff-{TRACE}-{SPAN}-01-more"),
            format!(".0-{TRACE}-{SPAN}-01"),
            format!("0.-{TRACE}-{SPAN}-01"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("000-{TRACE}-{SPAN}-01"),
            format!("CC-{TRACE}-{SPAN}-01"),
            format!("00_{TRACE}_{SPAN}_01"),
            format!("00-{zero_trace}-{SPAN}-01"),
            format!("00-{TRACE}-{zero_span}-01"),
            format!("00-.{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}0-{SPAN}-01"),
            format!("00-{}A-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}-{}.-01", &SPAN[1..]),
            format!("00-{TRACE}-{}F-01", &SPAN[1..]),
            format!("00-{TRACE}-{}-01", &SPAN[1..]),
            format!("00-{TRACE}-{SPAN}-.0"),
            format!("00-{TRACE}-{SPAN}-0."),
            format!("00-{TRACE}-{SPAN}-0A"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-001"),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-"),
        ] {
            assert_eq!(parse(&text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_ignored(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn a_damaged_value_is_ignored_or_well_formed(at in 0usize..LEN, with in any::<char>()) {
            let mut text = format!("00-{TRACE}-{SPAN}-01");
            text.replace_range(at..=at, with.encode_utf8(&mut [0; 4]));
            if let Some((trace_id, span_id, flags)) = parse(&text) {
                prop_assert_eq!(format(trace_id, span_id, flags).len(), LEN);
            }
        }

        #[test]
        fn what_is_written_is_read_back(trace in any::<[u8; 16]>(), span in any::<[u8; 8]>(), flags in 0u8..4) {
            let ids = (TraceId::from_bytes(trace), SpanId::from_bytes(span), TraceFlags::from_byte(flags));
            prop_assume!(ids.0.is_valid() && ids.1.is_valid());
            prop_assert_eq!(parse(&format(ids.0, ids.1, ids.2)), Some(ids));
        }
    }
}
