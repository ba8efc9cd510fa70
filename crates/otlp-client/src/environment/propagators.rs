//! `OTEL_PROPAGATORS`.

use std::sync::Arc;

use otlp_core::propagation::{
    B3Propagator, BaggagePropagator, CompositePropagator, JaegerPropagator, Propagator, TraceContextPropagator,
};

use super::reader::Reader;

const PROPAGATORS: &str = "OTEL_PROPAGATORS";

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    TraceContext,
    Baggage,
    B3,
    B3Multi,
    Jaeger,
    None,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// The propagators in their order, each once. One that is not known is left out; if none is known, the default stays.
    pub(super) fn propagator(&mut self) -> Option<Arc<CompositePropagator>> {
        let choices = [
            ("tracecontext", Kind::TraceContext),
            ("baggage", Kind::Baggage),
            ("b3", Kind::B3),
            ("b3multi", Kind::B3Multi),
            ("jaeger", Kind::Jaeger),
            ("none", Kind::None),
        ];
        let mut kinds = Vec::new();
        for part in self.list(PROPAGATORS)? {
            match choices.iter().find(|(name, _)| *name == part) {
                Some((_, kind)) => kinds.push(*kind),
                None => {
                    let accepted: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                    let problem = format!("{part:?} is not known; accepted: {}; it is left out", accepted.join(", "));
                    self.warn(PROPAGATORS, problem);
                }
            }
        }
        if kinds.is_empty() {
            return None;
        }
        if kinds.contains(&Kind::None) && kinds.len() > 1 {
            self.warn(PROPAGATORS, "none stands beside others; using none".to_owned());
            kinds = vec![Kind::None];
        }
        let propagator = |kind| -> Option<Box<dyn Propagator>> {
            Some(match kind {
                Kind::TraceContext => Box::new(TraceContextPropagator),
                Kind::Baggage => Box::new(BaggagePropagator),
                Kind::B3 => Box::new(B3Propagator::single_header()),
                Kind::B3Multi => Box::new(B3Propagator::multiple_headers()),
                Kind::Jaeger => Box::new(JaegerPropagator),
                Kind::None => return None,
            })
        };
        Some(Arc::new(CompositePropagator::new(kinds.into_iter().filter_map(propagator).collect())))
    }
}
