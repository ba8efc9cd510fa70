//! The W3C Trace Context format: the headers `traceparent` and `tracestate`.

use super::{Baggage, Extract, Inject, Propagator, trace_parent, trace_state};
use crate::TraceContext;

const TRACE_PARENT: &str = "traceparent";
const TRACE_STATE: &str = "tracestate";

/// Carries the trace context by W3C Trace Context, Level 2, and reads its later versions. Carries no baggage.
///
/// A malformed or repeated `traceparent` is none; a malformed `tracestate` leaves the `traceparent` as it is. Flags
/// that Level 2 does not know are dropped, as it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TraceContextPropagator;

impl Propagator for TraceContextPropagator {
    fn inject(&self, context: &TraceContext, _: &Baggage, carrier: &mut dyn Inject) {
        if !context.is_valid() {
            return;
        }
        carrier.set(TRACE_PARENT, trace_parent::format(context.trace_id, context.span_id, context.flags));
        // Checked here as well: the context may come from code that put anything into it.
        let state = context.trace_state.as_deref().and_then(trace_state::normalize);
        if let Some(state) = state.filter(|state| !state.is_empty()) {
            carrier.set(TRACE_STATE, state.into_owned());
        }
    }

    fn extract(&self, carrier: &dyn Extract) -> (Option<TraceContext>, Baggage) {
        (extract_context(carrier), Baggage::default())
    }

    fn fields(&self) -> Vec<&'static str> {
        vec![TRACE_PARENT, TRACE_STATE]
    }
}

fn extract_context(carrier: &dyn Extract) -> Option<TraceContext> {
    // Two parents are no parent.
    let [parent] = carrier.get_all(TRACE_PARENT)[..] else { return None };
    let (trace_id, span_id, flags) = trace_parent::parse(parent)?;
    let trace_state = trace_state::combine(&carrier.get_all(TRACE_STATE));
    Some(TraceContext { trace_id, span_id, flags, trace_state, is_remote: true })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{SpanId, TraceFlags, TraceId};

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn extract(pairs: &[(&str, &str)]) -> Option<TraceContext> {
        TraceContextPropagator.extract(&headers(pairs)).0
    }

    fn state(pairs: &[(&str, &str)]) -> Option<String> {
        extract(pairs).unwrap().trace_state.map(|state| state.to_string())
    }

    #[test]
    fn a_parent_is_read_as_remote() {
        let context = extract(&[("traceparent", PARENT)]).unwrap();
        assert_eq!(context.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id.to_string(), "00f067aa0ba902b7");
        assert_eq!(context.flags, TraceFlags::SAMPLED);
        assert!(context.is_remote && context.trace_state.is_none());
        assert_eq!(
            extract(&[("TRACEPARENT", PARENT), ("TraceState", "a=1")]).unwrap().trace_state.as_deref(),
            Some("a=1")
        );
    }

    #[test]
    fn no_parent_a_bad_one_or_two_are_none() {
        assert_eq!(extract(&[]), None);
        assert_eq!(extract(&[("tracestate", "a=1")]), None);
        assert_eq!(extract(&[("traceparent", "00-0-0-01"), ("tracestate", "a=1")]), None);
        assert_eq!(extract(&[("traceparent", PARENT), ("Traceparent", PARENT)]), None);
    }

    #[test]
    fn several_states_are_one_list() {
        let parent = ("traceparent", PARENT);
        assert_eq!(
            state(&[parent, ("tracestate", "foo=1,"), ("tracestate", ""), ("Tracestate", "bar=2")]).as_deref(),
            Some("foo=1,bar=2")
        );
        assert_eq!(state(&[parent, ("tracestate", "foo=1"), ("tracestate", "BAR=2")]), None);
    }

    #[test]
    fn a_bad_or_empty_state_leaves_the_parent() {
        for bad in ["", " ,", "foo", "foo=1,=", "FOO=1"] {
            assert_eq!(state(&[("traceparent", PARENT), ("tracestate", bad)]), None, "{bad:?}");
        }
    }

    #[test]
    fn an_invalid_context_is_not_written_and_a_bad_state_neither() {
        let mut carrier = Vec::new();
        TraceContextPropagator.inject(&TraceContext::default(), &Baggage::default(), &mut carrier);
        assert!(carrier.is_empty());
        let mut context = extract(&[("traceparent", PARENT)]).unwrap();
        for bad in ["", "a=1\r\nevil: 1", "no"] {
            context.trace_state = Some(bad.into());
            TraceContextPropagator.inject(&context, &Baggage::default(), &mut carrier);
            assert_eq!(carrier, headers(&[("traceparent", PARENT)]), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            trace in any::<[u8; 16]>(),
            span in any::<[u8; 8]>(),
            flags in 0u8..4,
            state in proptest::option::of("[a-z0-9][a-z0-9_*/@-]{0,20}=[!-+.-<>-~]{1,20}"),
        ) {
            let context = TraceContext {
                trace_id: TraceId::from_bytes(trace),
                span_id: SpanId::from_bytes(span),
                flags: TraceFlags::from_byte(flags),
                trace_state: state.map(Into::into),
                is_remote: true,
            };
            prop_assume!(context.is_valid());
            let mut carrier = std::collections::HashMap::new();
            TraceContextPropagator.inject(&context, &Baggage::default(), &mut carrier);
            prop_assert_eq!(TraceContextPropagator.extract(&carrier).0, Some(context));
        }

        #[test]
        fn any_headers_are_read(parent in any::<String>(), state in any::<String>()) {
            prop_assert_eq!(extract(&[("traceparent", &parent), ("tracestate", &state)]), None);
            prop_assert!(extract(&[("traceparent", PARENT), ("tracestate", &state)]).is_some());
        }
    }
}
