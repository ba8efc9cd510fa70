//! The format of Jaeger's own clients: the header `uber-trace-id`, and one header `uberctx-<name>` for each member of
//! the baggage.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Baggage, Extract, Inject, Propagator, trim_ows};
use crate::{SpanId, TraceContext, TraceFlags, TraceId};

const TRACE: &str = "uber-trace-id";
const BAGGAGE: &str = "uberctx-";

/// What a value needs not be encoded for.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// As W3C Baggage has it: no more members, and no more bytes of names and values, are read or written.
const MAX_MEMBERS: usize = 180;
const MAX_BYTES: usize = 8192;

/// Carries trace context and baggage as Jaeger's clients did (OpenTelemetry specification, "Propagators API", "Jaeger").
/// Carries no `tracestate`.
///
/// Ids may lack leading zeros, and the header may be percent-encoded. The debug flag reads as sampled, and travels on as
/// that. Names of baggage that are no HTTP token do not travel, and they lose their upper case, for headers have none. At
/// most 180 members and 8192 bytes of baggage are written and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JaegerPropagator;

impl Propagator for JaegerPropagator {
    fn inject(&self, context: &TraceContext, baggage: &Baggage, carrier: &mut dyn Inject) {
        if context.is_valid() {
            let flags = u8::from(context.is_sampled());
            carrier.set(TRACE, format!("{}:{}:0:{flags}", context.trace_id, context.span_id));
        }
        let mut bytes = 0;
        for member in baggage.iter().filter(|member| is_token(member.key())).take(MAX_MEMBERS) {
            let value = utf8_percent_encode(member.value(), ENCODED).to_string();
            bytes += member.key().len() + value.len();
            if bytes > MAX_BYTES {
                return;
            }
            carrier.set(&format!("{BAGGAGE}{}", member.key().to_ascii_lowercase()), value);
        }
    }

    fn extract(&self, carrier: &dyn Extract) -> (Option<TraceContext>, Baggage) {
        (carrier.get(TRACE).and_then(parse), baggage(carrier))
    }

    /// The names of baggage are not known beforehand.
    fn fields(&self) -> Vec<&'static str> {
        vec![TRACE]
    }
}

/// `<trace id>:<span id>:<parent span id>:<flags>`. The third part is no more in use, and may be anything.
fn parse(value: &str) -> Option<TraceContext> {
    let value = trim_ows(value);
    // Four numbers of at most 32 digits, and as many colons that may be encoded.
    if value.len() > 128 {
        return None;
    }
    let decoded = percent_decode_str(value).decode_utf8().ok()?;
    let mut parts = decoded.split(':');
    let (trace_id, span_id, _, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || flags.is_empty() || flags.len() > 2 {
        return None;
    }
    let flags = u8::from_str_radix(flags, 16).ok()?;
    let padded = |digits: &str, width: usize| (!digits.is_empty()).then(|| format!("{digits:0>width$}"));
    let trace_id: TraceId = padded(trace_id, 32)?.parse().ok()?;
    let span_id: SpanId = padded(span_id, 16)?.parse().ok()?;
    let flags = TraceFlags::default().with_sampled(flags & 0b11 != 0);
    let context = TraceContext { trace_id, span_id, flags, trace_state: None, is_remote: true };
    context.is_valid().then_some(context)
}

fn baggage(carrier: &dyn Extract) -> Baggage {
    let mut bytes = 0;
    let mut members = Vec::new();
    for header in carrier.keys() {
        let Some((prefix, name)) = header.split_at_checked(BAGGAGE.len()) else { continue };
        if !prefix.eq_ignore_ascii_case(BAGGAGE) || !is_token(name) {
            continue;
        }
        let Some(value) = carrier.get(header) else { continue };
        bytes += name.len() + value.len();
        if members.len() == MAX_MEMBERS || bytes > MAX_BYTES {
            break;
        }
        if let Ok(value) = percent_decode_str(value).decode_utf8() {
            members.push((name.to_ascii_lowercase(), value.into_owned()));
        }
    }
    members.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Whether it can be part of the name of a header (`token` of RFC 9110).
fn is_token(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN_ID: &str = "00f067aa0ba902b7";

    fn extract(pairs: &[(&str, &str)]) -> (Option<TraceContext>, Baggage) {
        let carrier: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        JaegerPropagator.extract(&carrier)
    }

    fn read(value: &str) -> Option<(String, String, bool)> {
        let context = extract(&[("Uber-Trace-Id", value)]).0?;
        assert!(context.is_remote);
        Some((context.trace_id.to_string(), context.span_id.to_string(), context.is_sampled()))
    }

    #[test]
    fn a_parent_is_read_in_all_its_forms() {
        let ids = |is_sampled| Some((TRACE_ID.to_owned(), SPAN_ID.to_owned(), is_sampled));
        assert_eq!(read(&format!("{TRACE_ID}:{SPAN_ID}:0:1")), ids(true));
        assert_eq!(read(&format!("{TRACE_ID}:{SPAN_ID}:0:0")), ids(false));
        assert_eq!(read(&format!("{TRACE_ID}:{SPAN_ID}:x:03")), ids(true));
        assert_eq!(read(&format!("{TRACE_ID}%3A{SPAN_ID}%3a0%3A1")), ids(true));
        assert_eq!(read(&format!("{TRACE_ID}:{}:0:2", &SPAN_ID[2..])), ids(true), "leading zeros may lack");
    }

    #[test]
    fn what_is_malformed_is_no_parent() {
        for bad in [
            "",
            ":::",
            &format!("{TRACE_ID}:{SPAN_ID}:0"),
            &format!("{TRACE_ID}:{SPAN_ID}:0:1:1"),
            &format!("{TRACE_ID}:{SPAN_ID}:0:x"),
            &format!("{TRACE_ID}:{SPAN_ID}:0:001"),
            &format!("0:{SPAN_ID}:0:1"),
            &format!("{TRACE_ID}:0:0:1"),
            &format!("1{TRACE_ID}:{SPAN_ID}:0:1"),
            &format!("ä{}:{SPAN_ID}:0:1", &TRACE_ID[3..]),
            &"%3A".repeat(50),
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn context_and_baggage_are_read_back() {
        let context = extract(&[(TRACE, &format!("{TRACE_ID}:{SPAN_ID}:0:1"))]).0.unwrap();
        let baggage = Baggage::from_iter([("user", "Zoë, the first"), ("no token", "stays behind")]);
        let mut carrier = Vec::new();
        JaegerPropagator.inject(&context, &baggage, &mut carrier);
        assert_eq!(carrier[0], (TRACE.to_owned(), format!("{TRACE_ID}:{SPAN_ID}:0:1")));
        assert_eq!(carrier[1], ("uberctx-user".to_owned(), "Zo%C3%AB%2C%20the%20first".to_owned()));
        assert_eq!(carrier.len(), 2);
        let read = JaegerPropagator.extract(&carrier);
        assert_eq!(read, (Some(context), Baggage::from_iter([("user", "Zoë, the first")])));
        let mut nothing = Vec::new();
        JaegerPropagator.inject(&TraceContext::default(), &Baggage::default(), &mut nothing);
        assert!(nothing.is_empty());
    }

    #[test]
    fn baggage_is_bounded() {
        let many: Vec<(String, String)> = (0..1_000).map(|number| (format!("uberctx-k{number}"), "v".into())).collect();
        assert_eq!(JaegerPropagator.extract(&many).1.len(), MAX_MEMBERS);
        let large = [("uberctx-a", "1"), ("uberctx-b", &"x".repeat(MAX_BYTES)), ("other", "2")];
        assert_eq!(extract(&large).1, Baggage::from_iter([("a", "1")]));
        let mut carrier = Vec::new();
        let baggage = Baggage::from_iter([("a", "1"), ("b", &"ä".repeat(MAX_BYTES / 2))]);
        JaegerPropagator.inject(&TraceContext::default(), &baggage, &mut carrier);
        assert_eq!(carrier.len(), 1);
    }
}
