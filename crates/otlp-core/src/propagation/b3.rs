//! The B3 format of Zipkin: one header `b3`, or several that begin with `x-b3-`.

use super::{Baggage, Extract, Inject, Propagator, trim_ows};
use crate::{SpanId, TraceContext, TraceFlags, TraceId};

const SINGLE: &str = "b3";
const TRACE_ID: &str = "x-b3-traceid";
const SPAN_ID: &str = "x-b3-spanid";
const SAMPLED: &str = "x-b3-sampled";
const FLAGS: &str = "x-b3-flags";

/// Carries the trace context as Zipkin does (OpenTelemetry specification, "Propagators API", "B3"). Carries no baggage
/// and no `tracestate`.
///
/// It reads both forms, the single header first, and writes the one that it was made for. A trace id of 64 bits is read as
/// the lower half of one of 128. A debug flag reads as sampled, and travels on as that; where nothing is said of
/// sampling, the context is not sampled. The id of the parent's parent is not read, and not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct B3Propagator {
    is_single: bool,
}

impl B3Propagator {
    /// Writes `b3: <trace id>-<span id>-<sampled>`.
    pub const fn single_header() -> Self {
        B3Propagator { is_single: true }
    }

    /// Writes `x-b3-traceid`, `x-b3-spanid` and `x-b3-sampled`.
    pub const fn multiple_headers() -> Self {
        B3Propagator { is_single: false }
    }
}

impl Propagator for B3Propagator {
    fn inject(&self, context: &TraceContext, _: &Baggage, carrier: &mut dyn Inject) {
        if !context.is_valid() {
            return;
        }
        let TraceContext { trace_id, span_id, .. } = context;
        let sampled = if context.is_sampled() { "1" } else { "0" };
        if self.is_single {
            carrier.set(SINGLE, format!("{trace_id}-{span_id}-{sampled}"));
        } else {
            carrier.set(TRACE_ID, trace_id.to_string());
            carrier.set(SPAN_ID, span_id.to_string());
            carrier.set(SAMPLED, sampled.to_owned());
        }
    }

    fn extract(&self, carrier: &dyn Extract) -> (Option<TraceContext>, Baggage) {
        let context = carrier.get(SINGLE).and_then(parse_single).or_else(|| parse_multiple(carrier));
        (context, Baggage::default())
    }

    fn fields(&self) -> Vec<&'static str> {
        if self.is_single { vec![SINGLE] } else { vec![TRACE_ID, SPAN_ID, SAMPLED] }
    }
}

/// `<trace id>-<span id>[-<sampled>[-<parent span id>]]`. A value without ids, which only says whether to sample, names no
/// parent.
fn parse_single(value: &str) -> Option<TraceContext> {
    let mut parts = trim_ows(value).splitn(5, '-');
    let (trace_id, span_id) = (parts.next()?, parts.next()?);
    let is_sampled = match parts.next() {
        None | Some("0") => false,
        Some("1" | "d") => true,
        Some(_) => return None,
    };
    let has_good_parent = parts.next().is_none_or(|parent| parent.parse::<SpanId>().is_ok());
    if !has_good_parent || parts.next().is_some() {
        return None;
    }
    context(trace_id, span_id, is_sampled)
}

fn parse_multiple(carrier: &dyn Extract) -> Option<TraceContext> {
    let header = |name| carrier.get(name).map(trim_ows);
    // Older writers say true and false.
    let is_sampled = header(SAMPLED).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
    context(header(TRACE_ID)?, header(SPAN_ID)?, is_sampled || header(FLAGS) == Some("1"))
}

fn context(trace_id: &str, span_id: &str, is_sampled: bool) -> Option<TraceContext> {
    let trace_id: TraceId = match trace_id.len() {
        16 => format!("{:0>32}", trace_id).parse().ok()?,
        _ => trace_id.parse().ok()?,
    };
    let context = TraceContext {
        trace_id,
        span_id: span_id.parse().ok()?,
        flags: TraceFlags::default().with_sampled(is_sampled),
        trace_state: None,
        is_remote: true,
    };
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn extract(pairs: &[(&str, &str)]) -> Option<TraceContext> {
        let carrier: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        B3Propagator::single_header().extract(&carrier).0
    }

    fn single(value: &str) -> Option<(String, String, bool)> {
        let context = extract(&[("B3", value)])?;
        assert!(context.is_remote);
        Some((context.trace_id.to_string(), context.span_id.to_string(), context.is_sampled()))
    }

    #[test]
    fn one_header_is_read_in_all_its_forms() {
        let ids = |is_sampled| Some((TRACE.to_owned(), SPAN.to_owned(), is_sampled));
        assert_eq!(single(&format!("{TRACE}-{SPAN}")), ids(false));
        assert_eq!(single(&format!(" {TRACE}-{SPAN}-1 ")), ids(true));
        assert_eq!(single(&format!("{TRACE}-{SPAN}-0")), ids(false));
        assert_eq!(single(&format!("{TRACE}-{SPAN}-d")), ids(true));
        assert_eq!(single(&format!("{TRACE}-{SPAN}-1-{SPAN}")), ids(true));
        let short = single(&format!("{}-{SPAN}-1", &TRACE[16..])).unwrap().0;
        assert_eq!(short, format!("{}{}", "0".repeat(16), &TRACE[16..]));
    }

    #[test]
    fn what_is_malformed_is_no_parent() {
        for bad in [
            "",
            "0",
            "1",
            "-",
            TRACE,
            &format!("{TRACE}-{SPAN}-2"),
            &format!("{TRACE}-{SPAN}-1-{SPAN}-x"),
            &format!("{TRACE}-{SPAN}-1-x"),
            &format!("{}-{SPAN}-1", "0".repeat(32)),
            &format!("{TRACE}-{}-1", "0".repeat(16)),
            &format!("{TRACE}0-{SPAN}-1"),
            &format!("{}-{SPAN}-1", "ä".repeat(8)),
        ] {
            assert_eq!(single(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn several_headers_are_read_and_the_single_one_counts_first() {
        let ids = [("X-B3-TraceId", TRACE), ("X-B3-SpanId", SPAN)];
        let with = |more: &[(&str, &str)]| extract(&[&ids[..], more].concat()).map(|context| context.is_sampled());
        assert_eq!(with(&[]), Some(false));
        assert_eq!(with(&[("X-B3-Sampled", "1")]), Some(true));
        assert_eq!(with(&[("X-B3-Sampled", "true")]), Some(true));
        assert_eq!(with(&[("X-B3-Sampled", "0")]), Some(false));
        assert_eq!(with(&[("X-B3-Flags", "1")]), Some(true), "debug");
        assert_eq!(extract(&ids[..1]), None);
        let other = format!("{TRACE}-00f067aa0ba902b8-1");
        let context = extract(&[&ids[..], &[("b3", other.as_str())]].concat()).unwrap();
        assert_eq!(context.span_id.to_string(), "00f067aa0ba902b8");
        assert_eq!(with(&[("b3", "nonsense")]), Some(false), "a bad single header takes nothing away");
    }

    #[test]
    fn what_is_written_is_what_the_fields_say_and_is_read_back() {
        let context =
            single(&format!("{TRACE}-{SPAN}-1")).and_then(|_| extract(&[("b3", &format!("{TRACE}-{SPAN}-1"))]));
        let context = context.unwrap();
        for propagator in [B3Propagator::single_header(), B3Propagator::multiple_headers()] {
            let mut carrier = Vec::new();
            propagator.inject(&context, &Baggage::default(), &mut carrier);
            let names: Vec<_> = carrier.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, propagator.fields());
            assert_eq!(propagator.extract(&carrier).0.as_ref(), Some(&context));
            let mut nothing = Vec::new();
            propagator.inject(&TraceContext::default(), &Baggage::default(), &mut nothing);
            assert!(nothing.is_empty());
        }
    }
}
