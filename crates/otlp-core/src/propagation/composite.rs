//! Several propagators as one (OpenTelemetry specification, "Composite Propagator").

use super::{Baggage, BaggagePropagator, Extract, Inject, Propagator, TraceContextPropagator};
use crate::TraceContext;

/// Runs its propagators in order. All of them write; of what they read, the last to find a context or a baggage wins.
///
/// The default is W3C Trace Context and W3C Baggage. Without any propagator it writes and reads nothing.
#[derive(Debug)]
pub struct CompositePropagator {
    propagators: Vec<Box<dyn Propagator>>,
}

impl CompositePropagator {
    /// A propagator that runs `propagators` in order.
    pub fn new(propagators: Vec<Box<dyn Propagator>>) -> Self {
        CompositePropagator { propagators }
    }
}

impl Default for CompositePropagator {
    fn default() -> Self {
        CompositePropagator::new(vec![Box::new(TraceContextPropagator), Box::new(BaggagePropagator)])
    }
}

impl Propagator for CompositePropagator {
    fn inject(&self, context: &TraceContext, baggage: &Baggage, carrier: &mut dyn Inject) {
        for propagator in &self.propagators {
            propagator.inject(context, baggage, carrier);
        }
    }

    fn extract(&self, carrier: &dyn Extract) -> (Option<TraceContext>, Baggage) {
        let mut extracted = (None, Baggage::default());
        for propagator in &self.propagators {
            let (context, baggage) = propagator.extract(carrier);
            if context.is_some() {
                extracted.0 = context;
            }
            if !baggage.is_empty() {
                extracted.1 = baggage;
            }
        }
        extracted
    }

    fn fields(&self) -> Vec<&'static str> {
        let mut fields: Vec<_> = self.propagators.iter().flat_map(|propagator| propagator.fields()).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SpanId, TraceFlags, TraceId};

    fn context() -> TraceContext {
        TraceContext {
            trace_id: TraceId::from_bytes([1; 16]),
            span_id: SpanId::from_bytes([2; 8]),
            flags: TraceFlags::SAMPLED,
            trace_state: Some("a=1".into()),
            is_remote: true,
        }
    }

    #[test]
    fn the_default_carries_both_and_says_so() {
        let propagator = CompositePropagator::default();
        let baggage = Baggage::default().with("user", "Zoë");
        let mut carrier = Vec::new();
        propagator.inject(&context(), &baggage, &mut carrier);
        let mut set: Vec<_> = carrier.iter().map(|(name, _)| name.as_str()).collect();
        set.sort_unstable();
        assert_eq!(set, propagator.fields());
        assert_eq!(propagator.extract(&carrier), (Some(context()), baggage));
    }

    #[test]
    fn a_propagator_that_finds_nothing_takes_nothing_away() {
        let both =
            || -> Vec<Box<dyn Propagator>> { vec![Box::new(BaggagePropagator), Box::new(TraceContextPropagator)] };
        let mut carrier = Vec::new();
        CompositePropagator::new(both()).inject(&context(), &Baggage::default().with("a", "1"), &mut carrier);
        let twice = CompositePropagator::new(both().into_iter().chain(both()).collect());
        let (parent, baggage) = twice.extract(&carrier);
        assert_eq!((parent, baggage.get("a")), (Some(context()), Some("1")));
        assert_eq!(twice.fields(), ["baggage", "traceparent", "tracestate"]);
    }

    #[test]
    fn without_propagators_nothing_travels() {
        let none = CompositePropagator::new(Vec::new());
        let mut carrier = Vec::new();
        none.inject(&context(), &Baggage::default().with("a", "1"), &mut carrier);
        assert!(carrier.is_empty());
        CompositePropagator::default().inject(&context(), &Baggage::default().with("a", "1"), &mut carrier);
        assert_eq!(none.extract(&carrier), (None, Baggage::default()));
    }
}
